CREATE TABLE orders AS
WITH lines AS (
    SELECT order_id, count(*) AS line_count, sum(refunded_amount) AS refunded_amount,
        CASE WHEN count(*) = count(kept_cost) THEN sum(kept_cost) END AS kept_cost
    FROM order_lines GROUP BY order_id
),
netted AS (
    SELECT o.*, l.line_count, coalesce(l.refunded_amount, 0) AS refunded_amount, l.kept_cost,
        CAST(CASE WHEN NOT o.is_sale OR o.total = 0 THEN 0 ELSE
            share(CAST((o.total - o.tax - o.shipping) * 100 AS BIGINT),
                CAST((o.total - coalesce(l.refunded_amount, 0)) * 100 AS BIGINT),
                CAST(o.total * 100 AS BIGINT)) / 100 END AS DECIMAL(18, 2)) AS net_revenue
    FROM valued AS o LEFT JOIN lines AS l USING (order_id)
),
numbered AS (
    SELECT order_id, row_number() OVER c AS order_number, lag(order_date) OVER c AS previous_date
    FROM netted WHERE is_sale AND customer_id IS NOT NULL
    WINDOW c AS (PARTITION BY customer_id ORDER BY ordered_at, order_id)
)
SELECT n.order_id, n.customer_id, n.visitor_id, n.ordered_at, n.order_date, n.status, n.is_sale,
    n.sales_channel, n.store_id, n.coupon_code, n.city, n.country, n.currency, n.total AS order_total,
    CASE WHEN n.is_sale THEN n.total ELSE 0 END AS gross_revenue,
    CASE WHEN n.is_sale THEN n.discount ELSE 0 END AS discount_amount,
    CASE WHEN n.is_sale THEN n.shipping ELSE 0 END AS shipping_amount,
    CASE WHEN n.is_sale THEN n.tax ELSE 0 END AS tax_amount, n.refunded_amount, n.net_revenue,
    CASE WHEN n.is_sale THEN n.net_revenue - n.kept_cost ELSE 0 END AS gross_margin, n.line_count,
    m.order_number, m.order_number = 1 AS is_first_order,
    n.order_date - m.previous_date AS days_since_previous_order, hour(n.ordered_at_local) AS order_hour
FROM netted AS n LEFT JOIN numbered AS m USING (order_id);
