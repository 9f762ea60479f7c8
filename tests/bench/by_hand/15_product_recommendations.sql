-- Five per customer by what other customers bought beside the ten latest, best sellers filling up;
-- and the same on the time before the last 90 days, which decides whether affinity is used at all.
CREATE TABLE days AS
SELECT DISTINCT customer_id, product_id, order_date FROM order_lines
WHERE is_sale AND NOT is_service AND quantity > 0 AND customer_id IS NOT NULL;

CREATE MACRO recommended(until) AS TABLE
WITH bought AS (
    SELECT customer_id, product_id, min(order_date) AS first_date, max(order_date) AS last_date,
        count(*) AS n
    FROM days WHERE order_date <= until GROUP BY ALL
),
buyers AS (
    SELECT customer_id, max(last_date) AS last_date, count(*) AS products FROM bought GROUP BY ALL
),
served AS (
    SELECT customer_id FROM buyers WHERE until = DATE '2026-06-30' OR customer_id IN (
        SELECT customer_id FROM days WHERE order_date > until)
),
goods AS (
    SELECT product_id, count(*) AS buyers, count(*) FILTER (b.last_date > a.first_date) >= 20
        AND count(*) FILTER (a.n > 1) * 4 >= count(*) FILTER (b.last_date > a.first_date) AS again
    FROM bought AS a INNER JOIN buyers AS b USING (customer_id) GROUP BY ALL
),
pairs AS (
    SELECT a.product_id, b.product_id AS other, count(*) AS n
    FROM bought AS a INNER JOIN buyers AS c ON c.customer_id = a.customer_id AND c.products <= 200
    INNER JOIN bought AS b ON b.customer_id = a.customer_id
    WHERE a.product_id <> b.product_id OR a.n > 1
    GROUP BY a.product_id, b.product_id HAVING count(*) >= 3
),
partners AS (
    SELECT a.product_id, a.other, round(1000000 * a.n / sqrt(p.buyers * o.buyers)) AS weight
    FROM pairs AS a INNER JOIN goods AS p ON p.product_id = a.product_id
    INNER JOIN goods AS o ON o.product_id = a.other
    WHERE a.product_id <> a.other OR o.again
    QUALIFY row_number() OVER (PARTITION BY a.product_id ORDER BY weight DESC, a.other) <= 10
),
recent AS (
    SELECT customer_id, product_id FROM bought SEMI JOIN served USING (customer_id)
    QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY last_date DESC, product_id) <= 10
),
best AS (SELECT product_id FROM goods ORDER BY buyers DESC, product_id LIMIT 20),
scored AS (
    SELECT customer_id, product_id, sum(weight) AS weight FROM (
        SELECT r.customer_id, p.other AS product_id, p.weight
        FROM recent AS r INNER JOIN partners AS p USING (product_id)
        UNION ALL
        SELECT customer_id, product_id, 0 FROM served CROSS JOIN best
    ) GROUP BY ALL
)
SELECT s.customer_id, s.product_id, s.weight,
    row_number() OVER (PARTITION BY s.customer_id ORDER BY s.weight DESC, g.buyers DESC,
        s.product_id) AS by_affinity,
    row_number() OVER (PARTITION BY s.customer_id ORDER BY g.buyers DESC, s.product_id) AS by_sales
FROM scored AS s INNER JOIN goods AS g USING (product_id)
LEFT JOIN bought AS b USING (customer_id, product_id)
WHERE b.product_id IS NULL OR g.again
QUALIFY by_affinity <= 5 OR by_sales <= 5;

CREATE TABLE product_recommendations AS
WITH tested AS (
    SELECT count(DISTINCT r.customer_id) FILTER (by_affinity <= 5)
        > count(DISTINCT r.customer_id) FILTER (by_sales <= 5) AS is_affinity_better
    FROM recommended(DATE '2026-04-01') AS r
    SEMI JOIN (SELECT * FROM days WHERE order_date > DATE '2026-04-01') AS d
        USING (customer_id, product_id)
)
SELECT customer_id, product_id,
    CASE WHEN is_affinity_better THEN by_affinity ELSE by_sales END AS recommendation_rank
FROM recommended(DATE '2026-06-30') CROSS JOIN tested
WHERE CASE WHEN is_affinity_better THEN by_affinity ELSE by_sales END <= 5;
