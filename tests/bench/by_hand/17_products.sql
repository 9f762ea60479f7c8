CREATE TABLE products AS
SELECT p.product_id, true AS is_listed, p.name, p.category, p.brand, p.is_service, p.unit_cost,
    p.list_price, p.stock_on_hand, p.launched_at, p.discontinued_at,
    count(DISTINCT l.order_id) AS order_count,
    coalesce(sum(l.quantity), 0) AS sold_quantity,
    coalesce(sum(l.returned_quantity), 0) AS returned_quantity,
    coalesce(sum(l.net_revenue), 0) AS net_revenue,
    CASE WHEN count(*) = count(l.gross_margin) THEN sum(l.gross_margin)
        WHEN count(l.order_id) = 0 THEN 0 END AS gross_margin,
    min(l.ordered_at) AS first_sold_at, max(l.ordered_at) AS last_sold_at
FROM staging.stg_shop__products AS p
LEFT JOIN order_lines AS l ON l.product_id = p.product_id AND l.is_sale
GROUP BY ALL;
