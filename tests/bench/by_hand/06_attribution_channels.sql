CREATE TABLE attribution_channels AS
WITH credited AS (
    SELECT CAST(date_trunc('month', o.order_date) AS DATE) AS month, a.channel,
        coalesce(a.campaign_id, '(none)') AS campaign_id,
        CASE WHEN o.is_first_order THEN 'first' ELSE 'repeat' END AS sale_kind, a.model,
        sum(a.credit) AS attributed_orders, sum(a.attributed_revenue) AS attributed_revenue,
        0 AS spend
    FROM attribution_touchpoints AS a INNER JOIN orders AS o USING (order_id)
    GROUP BY ALL
    UNION ALL
    SELECT CAST(date_trunc('month', spend_date) AS DATE), CASE channel
            WHEN 'google_ads' THEN 'paid_search' WHEN 'facebook' THEN 'paid_social'
            ELSE channel END, campaign_id, 'first', m.model, 0, 0, sum(cost)
    FROM staging.stg_marketing__ad_spend
    CROSS JOIN (SELECT DISTINCT model FROM attribution_touchpoints) AS m
    GROUP BY ALL
)
SELECT month, channel, campaign_id, sale_kind, model,
    round(sum(attributed_orders), 9) AS attributed_orders,
    sum(attributed_revenue) AS attributed_revenue, sum(spend) AS spend,
    CASE WHEN sum(spend) > 0 THEN round(sum(sum(attributed_revenue)) OVER (
        PARTITION BY month, channel, campaign_id, model) / sum(spend), 6) END AS roas
FROM credited GROUP BY month, channel, campaign_id, sale_kind, model;
