-- The months of each customer, for the migrations of segments too.
CREATE TABLE customer_months AS
WITH months AS (
    SELECT customer_id, CAST(date_trunc('month', order_date) AS DATE) AS month,
        max(order_date) AS last_date, count(*) AS orders, sum(net_revenue) AS net_revenue
    FROM orders WHERE is_sale AND customer_id IS NOT NULL GROUP BY ALL
)
SELECT *, lag(month) OVER (PARTITION BY customer_id ORDER BY month) AS previous FROM months;

CREATE TABLE retention_monthly AS
SELECT month, count(*) AS customers_at_end, lag(count(*), 1, 0) OVER (ORDER BY month)
    AS customers_at_start, count(*) FILTER (previous IS NULL) AS new_customers,
    count(*) FILTER (previous + INTERVAL 1 MONTH = month) AS retained_customers,
    customers_at_end - new_customers - retained_customers AS reactivated_customers,
    retained_customers / nullif(customers_at_start, 0) AS retention_rate,
    (customers_at_end - new_customers) / nullif(customers_at_start, 0) AS retention_rate_formula,
    1 - retention_rate AS churn_rate, month + INTERVAL 1 MONTH <= DATE '2026-07-01' AS is_complete
FROM customer_months GROUP BY month;
