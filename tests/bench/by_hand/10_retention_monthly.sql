CREATE TABLE retention_monthly AS
WITH months AS (
    SELECT DISTINCT customer_id, CAST(date_trunc('month', order_date) AS DATE) AS month
    FROM orders WHERE is_sale AND customer_id IS NOT NULL
),
followed AS (
    SELECT *, lag(month) OVER (PARTITION BY customer_id ORDER BY month) AS previous FROM months
)
SELECT month, count(*) AS customers_at_end, lag(count(*), 1, 0) OVER (ORDER BY month)
    AS customers_at_start, count(*) FILTER (previous IS NULL) AS new_customers,
    count(*) FILTER (previous + INTERVAL 1 MONTH = month) AS retained_customers,
    retained_customers / nullif(customers_at_start, 0) AS retention_rate
FROM followed GROUP BY month;
