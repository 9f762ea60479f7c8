CREATE TABLE cohort_retention AS
WITH sales AS (
    SELECT customer_id, order_date, net_revenue, min(order_date) OVER (PARTITION BY customer_id)
        AS first_date
    FROM orders WHERE is_sale AND customer_id IS NOT NULL
),
placed AS (
    SELECT 'month' AS period_kind, CAST(date_trunc('month', first_date) AS DATE) AS cohort_start,
        date_diff('month', first_date, order_date) AS period_number, customer_id, net_revenue
    FROM sales
    UNION ALL
    SELECT 'week', CAST(date_trunc('week', first_date) AS DATE),
        date_diff('day', date_trunc('week', first_date), date_trunc('week', order_date)) // 7, customer_id, net_revenue
    FROM sales
    UNION ALL
    SELECT 'rolling_30d', CAST(date_trunc('month', first_date) AS DATE),
        (order_date - first_date) // 30, customer_id, net_revenue
    FROM sales
),
active AS (
    SELECT period_kind, cohort_start, period_number, count(DISTINCT customer_id) AS active_customers,
        sum(net_revenue) AS net_revenue
    FROM placed GROUP BY ALL
),
last_ones AS (
    SELECT period_kind, cohort_start, period_number, count(*) AS customers FROM (
        SELECT period_kind, cohort_start, customer_id, max(period_number) AS period_number
        FROM placed GROUP BY ALL
    ) GROUP BY ALL
),
sizes AS (
    SELECT period_kind, cohort_start, sum(customers) AS cohort_size FROM last_ones GROUP BY ALL
),
first_dates AS (
    SELECT date_trunc('month', d) AS month, min(d) AS first_date
    FROM (SELECT DISTINCT first_date AS d FROM sales) GROUP BY ALL
),
cells AS (
    SELECT s.*, unnest(range(1 + CASE period_kind
        WHEN 'month' THEN date_diff('month', cohort_start, DATE '2026-06-30')
        WHEN 'week' THEN (DATE '2026-06-30' - cohort_start) // 7
        ELSE (DATE '2026-06-30' - f.first_date) // 30 END)) AS period_number
    FROM sizes AS s LEFT JOIN first_dates AS f ON f.month = s.cohort_start
),
spent AS (
    SELECT period_kind, cohort_start, sum(cost) AS spend FROM (
        SELECT unnest(['month', 'week', 'rolling_30d']) AS period_kind, cost,
            CAST(CASE WHEN period_kind = 'week' THEN date_trunc('week', spend_date)
                ELSE date_trunc('month', spend_date) END AS DATE) AS cohort_start
        FROM staging.stg_marketing__ad_spend
    ) GROUP BY ALL
)
SELECT period_kind, cohort_start, period_number, cohort_size,
    coalesce(active_customers, 0) AS active_customers,
    sum(coalesce(l.customers, 0)) OVER (
        PARTITION BY period_kind, cohort_start ORDER BY period_number DESC
    ) AS active_or_later_customers,
    coalesce(active_customers, 0) / cohort_size AS retention_rate,
    active_or_later_customers / cohort_size AS retention_rate_or_later,
    coalesce(net_revenue, 0) AS net_revenue,
    sum(coalesce(net_revenue, 0)) OVER (
        PARTITION BY period_kind, cohort_start ORDER BY period_number
    ) AS cumulative_net_revenue, CAST(spend / cohort_size AS DECIMAL(18, 2)) AS acquisition_cost
FROM cells
LEFT JOIN active USING (period_kind, cohort_start, period_number)
LEFT JOIN last_ones AS l USING (period_kind, cohort_start, period_number)
LEFT JOIN spent USING (period_kind, cohort_start);
