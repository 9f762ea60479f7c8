CREATE TABLE products AS
SELECT p.product_id, p.name, p.category, count(DISTINCT l.order_id) AS order_count,
    coalesce(sum(l.quantity), 0) AS sold_quantity,
    coalesce(sum(l.returned_quantity), 0) AS returned_quantity,
    coalesce(sum(l.net_revenue), 0) AS net_revenue, min(l.ordered_at) AS first_sold_at,
    max(l.ordered_at) AS last_sold_at
FROM staging.stg_shop__products AS p
LEFT JOIN order_lines AS l ON l.product_id = p.product_id AND l.is_sale
GROUP BY ALL;
