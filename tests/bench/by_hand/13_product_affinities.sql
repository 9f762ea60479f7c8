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
),
placed AS (
    SELECT *, count(*) OVER p AS partner_count,
        row_number() OVER (p ORDER BY order_count DESC, other_product_id) AS place
    FROM pairs WINDOW p AS (PARTITION BY product_id)
)
SELECT r.product_id, c.name AS product_name, r.other_product_id, d.name AS other_product_name,
    r.partner_count, greatest(r.partner_count - 500, 0) AS left_out_count, r.order_count, p.n AS product_order_count,
    o.n AS other_order_count, t.n AS all_order_count, r.order_count / t.n AS support,
    r.order_count / p.n AS confidence, r.order_count * t.n / (p.n * o.n) AS lift
FROM placed AS r INNER JOIN products AS p USING (product_id)
INNER JOIN products AS o ON o.product_id = r.other_product_id
CROSS JOIN (SELECT count(DISTINCT order_id) AS n FROM small) AS t
INNER JOIN staging.stg_shop__products AS c ON c.product_id = r.product_id
INNER JOIN staging.stg_shop__products AS d ON d.product_id = r.other_product_id
WHERE r.place <= 500;
