CREATE TABLE cohort_retention AS
WITH sales AS (
    SELECT customer_id, order_date, net_revenue, gross_margin, min(order_date) OVER (PARTITION BY customer_id)
        AS first_date
    FROM orders WHERE is_sale AND customer_id IS NOT NULL
),
placed AS (
    SELECT 'month' AS period_kind, CAST(date_trunc('month', first_date) AS DATE) AS cohort_start,
        date_diff('month', first_date, order_date) AS period_number, customer_id, net_revenue, gross_margin
    FROM sales
    UNION ALL
    SELECT 'week', CAST(date_trunc('week', first_date) AS DATE),
        date_diff('day', date_trunc('week', first_date), date_trunc('week', order_date)) // 7,
        customer_id, net_revenue, gross_margin
    FROM sales
    UNION ALL
    SELECT 'rolling_30d', CAST(date_trunc('month', first_date) AS DATE),
        (order_date - first_date) // 30, customer_id, net_revenue, gross_margin
    FROM sales
),
active AS (
    SELECT period_kind, cohort_start, period_number, count(DISTINCT customer_id) AS active_customers,
        sum(net_revenue) AS net_revenue,
        CASE WHEN count(*) = count(gross_margin) THEN sum(gross_margin) END AS gross_margin,
        sum(gross_margin) AS known_margin,
        sum(net_revenue) FILTER (gross_margin IS NOT NULL) AS costed_revenue
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
),
summed AS (
    SELECT *, sum(coalesce(l.customers, 0)) OVER (
            PARTITION BY period_kind, cohort_start ORDER BY period_number DESC
        ) AS active_or_later_customers,
        sum(coalesce(net_revenue, 0)) OVER p AS cumulative_net_revenue,
        sum(known_margin) OVER p AS cumulative_known_margin,
        sum(coalesce(costed_revenue, 0)) OVER p AS cumulative_costed_revenue
    FROM cells
    LEFT JOIN active USING (period_kind, cohort_start, period_number)
    LEFT JOIN last_ones AS l USING (period_kind, cohort_start, period_number)
    LEFT JOIN spent USING (period_kind, cohort_start)
    WINDOW p AS (PARTITION BY period_kind, cohort_start ORDER BY period_number)
)
SELECT period_kind, cohort_start, period_number, cohort_size,
    coalesce(active_customers, 0) AS active_customers, active_or_later_customers,
    coalesce(active_customers, 0) / cohort_size AS retention_rate,
    active_or_later_customers / cohort_size AS retention_rate_or_later,
    coalesce(net_revenue, 0) AS net_revenue, cumulative_net_revenue,
    CAST(round(100 * cumulative_net_revenue / cohort_size) / 100 AS DECIMAL(18, 2))
        AS cumulative_revenue_per_customer,
    CASE WHEN active_customers IS NULL THEN 0 ELSE gross_margin END AS gross_margin,
    cumulative_known_margin, cumulative_costed_revenue / nullif(cumulative_net_revenue, 0)
        AS margin_known_share,
    CAST(round(100 * spend / cohort_size) / 100 AS DECIMAL(18, 2)) AS acquisition_cost,
    cumulative_known_margin / spend AS payback_ratio,
    min(period_number) FILTER (cumulative_known_margin >= spend) OVER (
        PARTITION BY period_kind, cohort_start
    ) AS payback_period,
    CASE period_kind WHEN 'month' THEN cohort_start + to_months(CAST(period_number + 1 AS INTEGER))
        WHEN 'week' THEN cohort_start + to_days(CAST(7 * (period_number + 1) AS INTEGER))
        ELSE cohort_start + INTERVAL 1 MONTH + to_days(CAST(30 * (period_number + 1) - 1 AS INTEGER))
        END <= DATE '2026-07-01' AS is_complete
FROM summed;
