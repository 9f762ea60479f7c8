CREATE TABLE product_performance AS
WITH lines AS (
    SELECT *, DATE '2026-06-30' - order_date AS age FROM order_lines WHERE is_sale AND NOT is_service
),
ages AS (
    SELECT product_id, max(age) + 1 AS days, least((max(age) + 1) // 28, 13) AS spans
    FROM lines GROUP BY product_id
),
year AS (
    SELECT product_id, count(DISTINCT order_id) AS order_count, sum(quantity) AS units_sold,
        sum(returned_quantity) AS units_returned, sum(net_revenue) AS net_revenue,
        CASE WHEN count(*) = count(gross_margin) THEN sum(gross_margin) END AS gross_margin,
        max(order_date) AS last_sold_date,
        sum(CASE WHEN age < 91 THEN quantity ELSE 0 END) AS units_sold_91d,
        sum(CASE WHEN age < 91 THEN quantity - returned_quantity ELSE 0 END) AS kept_91d
    FROM lines WHERE age < 364 GROUP BY product_id
),
spread AS (
    SELECT product_id, a.spans, sum(n) AS total, sum(n * n) AS squares
    FROM (
        SELECT product_id, age // 28 AS span, CAST(sum(quantity) AS DOUBLE) AS n
        FROM lines WHERE age < 364 GROUP BY ALL
    ) INNER JOIN ages AS a USING (product_id)
    WHERE span < a.spans AND a.spans >= 3 GROUP BY ALL
),
varied AS (
    SELECT product_id, round(sqrt(greatest(squares / spans - (total / spans) ** 2, 0))
        / (total / spans), 6) AS units_variation
    FROM spread WHERE total > 0
),
joined AS (
    SELECT p.product_id, p.name, p.category, coalesce(order_count, 0) AS order_count,
        coalesce(units_sold, 0) AS units_sold, coalesce(units_returned, 0) AS units_returned,
        coalesce(net_revenue, 0) AS net_revenue,
        CASE WHEN y.product_id IS NULL THEN 0 ELSE gross_margin END AS gross_margin, last_sold_date,
        coalesce(units_sold_91d, 0) AS units_sold_91d, units_variation, p.stock_on_hand,
        round(greatest(p.stock_on_hand, 0) / (CASE WHEN kept_91d > 0 THEN kept_91d END
            / least(days, 91)), 1) AS cover_days
    FROM staging.stg_shop__products AS p
    LEFT JOIN year AS y USING (product_id)
    LEFT JOIN ages USING (product_id)
    LEFT JOIN varied USING (product_id)
    WHERE NOT p.is_service
),
placed AS (
    SELECT *, sum(greatest(net_revenue, 0)) OVER (ORDER BY net_revenue DESC)
            - sum(greatest(net_revenue, 0)) OVER (PARTITION BY net_revenue) AS revenue_above,
        sum(greatest(net_revenue, 0)) OVER () AS all_revenue,
        sum(greatest(units_sold_91d, 0)) OVER (ORDER BY units_sold_91d DESC)
            - sum(greatest(units_sold_91d, 0)) OVER (PARTITION BY units_sold_91d) AS units_above,
        sum(greatest(units_sold_91d, 0)) OVER () AS all_units
    FROM joined
)
SELECT * EXCLUDE (revenue_above, all_revenue, units_above, all_units, cover_days),
    CASE WHEN cover_days > 730 THEN 730 ELSE cover_days END AS stock_cover_days,
    cover_days > 730 AS is_stock_cover_capped,
    CASE WHEN units_sold > 0 THEN round(units_returned / units_sold, 6) END AS return_rate,
    CASE WHEN units_sold_91d <= 0 THEN 'not_moving'
        WHEN units_above * 100 < all_units * 80 THEN 'fast' ELSE 'slow' END AS movement,
    CASE WHEN net_revenue <= 0 THEN 'C' WHEN revenue_above * 100 < all_revenue * 80 THEN 'A'
        WHEN revenue_above * 100 < all_revenue * 95 THEN 'B' ELSE 'C' END AS abc_class,
    CASE WHEN units_variation <= 0.5 THEN 'X' WHEN units_variation <= 1 THEN 'Y'
        WHEN units_variation > 1 THEN 'Z' END AS xyz_class
FROM placed;
