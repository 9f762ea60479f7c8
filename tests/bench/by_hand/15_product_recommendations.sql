-- Two lists of five per customer: what they buy by habit, and what the buyers of the goods they have
-- also have; and the same on the time before the last 90 days, which decides between the methods.
CREATE TABLE days AS
SELECT DISTINCT customer_id, product_id, order_date FROM order_lines
WHERE is_sale AND NOT is_service AND quantity > 0 AND customer_id IS NOT NULL;

CREATE MACRO recommended(until) AS TABLE
WITH bought AS (
    SELECT customer_id, product_id, max(order_date) AS last_date, count(*) AS n,
        sum(round(1000000 * power(0.5, (until - order_date) / 240.0))::BIGINT)::BIGINT AS habit
    FROM days WHERE order_date <= until GROUP BY ALL
),
buyers AS (SELECT customer_id, count(*) AS products FROM bought GROUP BY ALL),
served AS (
    SELECT customer_id FROM buyers WHERE until = DATE '2026-06-30' OR customer_id IN (
        SELECT customer_id FROM days WHERE order_date > until)
),
goods AS (
    SELECT product_id, count(*) AS buyers, count(*) FILTER (last_date > until - 60) AS recent,
        count(*) FILTER (n > 1) AS again,
        row_number() OVER (ORDER BY count(*) DESC, product_id) AS number
    FROM bought GROUP BY product_id
),
pairs AS (
    SELECT a.product_id, b.product_id AS other, count(*) AS n
    FROM bought AS a INNER JOIN buyers AS c ON c.customer_id = a.customer_id AND c.products <= 200
    INNER JOIN bought AS b ON b.customer_id = a.customer_id AND a.product_id <> b.product_id
    GROUP BY a.product_id, b.product_id HAVING count(*) >= 3
),
partners AS (
    SELECT a.product_id, a.other,
        round(1000000 * a.n / sqrt(p.buyers * o.buyers))::BIGINT AS weight
    FROM pairs AS a INNER JOIN goods AS p ON p.product_id = a.product_id
    INNER JOIN goods AS o ON o.product_id = a.other
    QUALIFY row_number() OVER (PARTITION BY a.product_id ORDER BY weight DESC, o.number) <= 10
),
owned AS (
    SELECT customer_id, product_id FROM bought SEMI JOIN served USING (customer_id)
    INNER JOIN goods USING (product_id)
    QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY last_date DESC, number) <= 100
),
scored AS (
    SELECT customer_id, product_id, sum(weight)::BIGINT AS weight FROM (
        SELECT r.customer_id, p.other AS product_id, p.weight
        FROM owned AS r INNER JOIN partners AS p USING (product_id)
        UNION ALL
        SELECT customer_id, product_id, 0 FROM served CROSS JOIN goods WHERE number <= 20
    ) ANTI JOIN bought USING (customer_id, product_id) GROUP BY ALL
)
SELECT 'buy_again' AS recommendation_list, customer_id, product_id,
    row_number() OVER (PARTITION BY customer_id ORDER BY n DESC, last_date DESC, number) AS first,
    row_number() OVER (PARTITION BY customer_id ORDER BY
        habit * sqrt((recent + 1) * (again + 1) / (buyers + 4)::DOUBLE) DESC, number) AS second,
    NULL::BIGINT AS third
FROM bought SEMI JOIN served USING (customer_id) INNER JOIN goods USING (product_id)
QUALIFY least(first, second) <= 5
UNION ALL
SELECT 'discover', customer_id, product_id,
    row_number() OVER (PARTITION BY customer_id ORDER BY number),
    row_number() OVER (PARTITION BY customer_id ORDER BY weight DESC, number),
    row_number() OVER (PARTITION BY customer_id ORDER BY weight * sqrt(recent + 1) DESC, number)
FROM scored INNER JOIN goods USING (product_id);

CREATE TABLE product_recommendations AS
WITH tested AS (
    SELECT recommendation_list, count(DISTINCT r.customer_id) FILTER (first <= 5) AS a,
        count(DISTINCT r.customer_id) FILTER (second <= 5) AS b,
        count(DISTINCT r.customer_id) FILTER (third <= 5) AS c
    FROM recommended(DATE '2026-04-01') AS r
    SEMI JOIN (SELECT * FROM days WHERE order_date > DATE '2026-04-01') AS d
        USING (customer_id, product_id)
    GROUP BY ALL
),
placed AS (
    SELECT customer_id, recommendation_list, product_id,
        CASE WHEN c > greatest(a, b) THEN third WHEN b > a THEN second ELSE first END AS place
    FROM recommended(DATE '2026-06-30') INNER JOIN tested USING (recommendation_list)
)
SELECT customer_id, recommendation_list, recommendation_rank: place, product_id
FROM placed WHERE place <= 5;
