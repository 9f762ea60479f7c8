CREATE TABLE segment_migrations AS
WITH months AS (
    SELECT CAST(DATE '2026-06-01' - to_months(CAST(n AS INTEGER)) AS DATE) AS month
    FROM range(13) AS t(n)
),
standing AS (
    SELECT m.month, b.customer_id, max(b.last_date) AS last_date, sum(b.orders) AS orders,
        sum(b.net_revenue) AS net_revenue
    FROM months AS m INNER JOIN customer_months AS b ON b.month <= m.month GROUP BY ALL
),
scored AS (
    SELECT month, customer_id,
        1 + 5 * (rank() OVER (PARTITION BY month ORDER BY last_date) - 1)
            // count(*) OVER (PARTITION BY month) AS r,
        1 + 5 * (rank() OVER (PARTITION BY month ORDER BY orders) - 1)
            // count(*) OVER (PARTITION BY month) AS f,
        1 + 5 * (rank() OVER (PARTITION BY month ORDER BY net_revenue) - 1)
            // count(*) OVER (PARTITION BY month) AS m
    FROM standing
),
named AS (
    SELECT s.month, s.customer_id, x.segment
    FROM scored AS s LEFT JOIN seeds.rfm_segments AS x
        ON x.recency_score = s.r AND x.value_score = (s.f + s.m + 1) // 2
)
SELECT l.month, coalesce(e.segment, '(none)') AS from_segment, l.segment AS to_segment,
    count(*) AS customers
FROM named AS l LEFT JOIN named AS e
    ON e.customer_id = l.customer_id AND e.month + INTERVAL 1 MONTH = l.month
WHERE l.month > DATE '2025-06-01' GROUP BY ALL;
