CREATE TABLE channel_scorecard AS
WITH visits AS (
    SELECT CAST(date_trunc('month', s.started_at AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/London')
            AS DATE) AS month, coalesce(o.channel, s.channel) AS channel, count(*) AS sessions,
        round(avg(date_diff('second', s.started_at, ended_at)), 3) AS average_time_on_site,
        round(avg(CASE WHEN date_diff('second', s.started_at, ended_at) > 10 OR key_event_count > 0
            OR page_view_count + product_view_count >= 2 THEN 0 ELSE 1 END), 6) AS bounce_rate,
        round(avg(CAST(order_placed_count > 0 AS INTEGER)), 6) AS conversion_rate,
        round(count(*) FILTER (cart_count > 0 AND order_placed_count = 0)
            / nullif(count(*) FILTER (cart_count > 0), 0), 6) AS cart_abandonment_rate
    FROM sessions AS s LEFT JOIN opened AS o USING (session_id) GROUP BY ALL
),
sold AS (
    SELECT month, channel, sum(attributed_orders) AS orders, sum(attributed_revenue) AS revenue,
        sum(new_customers) AS new_customers
    FROM attribution_channels WHERE model = 'last_non_direct' GROUP BY ALL
),
paid AS (SELECT month, channel, sum(spend) AS spend FROM spent GROUP BY ALL),
top AS (
    SELECT CAST(date_trunc('month', o.order_date) AS DATE) AS month, a.channel, l.product_id,
        sum(l.net_revenue) AS revenue
    FROM attribution_touchpoints AS a INNER JOIN orders AS o USING (order_id)
    INNER JOIN order_lines AS l USING (order_id)
    WHERE a.model = 'last_non_direct' AND a.credit > 0 AND NOT l.is_service
    GROUP BY month, a.channel, l.product_id
    QUALIFY row_number() OVER (
        PARTITION BY month, a.channel ORDER BY revenue DESC, l.product_id) = 1
)
SELECT month, channel, coalesce(sessions, 0) AS sessions, average_time_on_site, bounce_rate,
    conversion_rate, cart_abandonment_rate, coalesce(orders, 0) AS orders,
    coalesce(s.revenue, 0) AS revenue,
    CASE WHEN orders > 0 THEN round(s.revenue / orders, 6) END AS average_order_value,
    p.name AS top_product, coalesce(spend, 0) AS spend, coalesce(new_customers, 0) AS new_customers,
    CASE WHEN spend > 0 THEN round(s.revenue / spend, 6) END AS roas,
    CASE WHEN spend > 0 AND new_customers > 0 THEN round(spend / new_customers, 6) END AS cac
FROM visits FULL JOIN sold AS s USING (month, channel) FULL JOIN paid USING (month, channel)
LEFT JOIN top AS t USING (month, channel)
LEFT JOIN staging.stg_shop__products AS p USING (product_id);
