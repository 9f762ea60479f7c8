CREATE TABLE product_performance AS
WITH lines AS (
    SELECT *, DATE '2026-06-30' - order_date AS age FROM order_lines WHERE is_sale AND NOT is_service
),
year AS (
    SELECT product_id, count(DISTINCT order_id) AS order_count, sum(quantity) AS units_sold,
        sum(returned_quantity) AS units_returned, sum(net_revenue) AS net_revenue,
        CASE WHEN count(*) = count(gross_margin) THEN sum(gross_margin) END AS gross_margin,
        max(order_date) AS last_sold_date,
        sum(CASE WHEN age < 91 THEN quantity ELSE 0 END) AS units_sold_91d
    FROM lines WHERE age < 364 GROUP BY product_id
)
SELECT p.product_id, coalesce(order_count, 0) AS order_count, coalesce(units_sold, 0) AS units_sold,
    coalesce(units_returned, 0) AS units_returned, coalesce(net_revenue, 0) AS net_revenue,
    CASE WHEN y.product_id IS NULL THEN 0 ELSE gross_margin END AS gross_margin, last_sold_date,
    coalesce(units_sold_91d, 0) AS units_sold_91d
FROM staging.stg_shop__products AS p LEFT JOIN year AS y USING (product_id)
WHERE NOT p.is_service;
