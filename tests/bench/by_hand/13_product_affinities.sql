CREATE TABLE product_affinities AS
WITH baskets AS (
    SELECT DISTINCT order_id, product_id FROM order_lines
    WHERE is_sale AND NOT is_service AND quantity > 0
),
small AS (
    SELECT * FROM baskets QUALIFY count(*) OVER (PARTITION BY order_id) <= 200
),
products AS (SELECT product_id, count(*) AS n FROM small GROUP BY product_id HAVING n >= 10),
frequent AS (SELECT s.* FROM small AS s SEMI JOIN products AS p USING (product_id)),
pairs AS (
    SELECT a.product_id, b.product_id AS other_product_id, count(*) AS order_count
    FROM frequent AS a INNER JOIN frequent AS b
        ON a.order_id = b.order_id AND a.product_id <> b.product_id
    GROUP BY ALL HAVING order_count >= 10
)
SELECT r.product_id, r.other_product_id, r.order_count, p.n AS product_order_count,
    o.n AS other_order_count, t.n AS all_order_count, r.order_count / t.n AS support,
    r.order_count / p.n AS confidence, r.order_count * t.n / (p.n * o.n) AS lift
FROM pairs AS r INNER JOIN products AS p USING (product_id)
INNER JOIN products AS o ON o.product_id = r.other_product_id
CROSS JOIN (SELECT count(DISTINCT order_id) AS n FROM small) AS t
QUALIFY row_number() OVER (
    PARTITION BY r.product_id ORDER BY r.order_count DESC, r.other_product_id
) <= 30;
