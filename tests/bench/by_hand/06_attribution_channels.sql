CREATE TABLE spent AS
SELECT CAST(date_trunc('month', spend_date) AS DATE) AS month, CASE channel
        WHEN 'google_ads' THEN 'paid_search' WHEN 'facebook' THEN 'paid_social'
        ELSE channel END AS channel, campaign_id, sum(cost) AS spend
FROM staging.stg_marketing__ad_spend GROUP BY ALL;

CREATE TABLE attribution_channels AS
WITH credited AS (
    SELECT CAST(date_trunc('month', o.order_date) AS DATE) AS month, a.channel,
        coalesce(a.campaign_id, '(none)') AS campaign_id,
        CASE WHEN o.is_first_order THEN 'first' ELSE 'repeat' END AS sale_kind, a.model,
        sum(a.credit) AS orders, sum(a.attributed_revenue) AS revenue
    FROM attribution_touchpoints AS a INNER JOIN orders AS o USING (order_id)
    GROUP BY ALL
    UNION ALL
    SELECT month, channel, campaign_id, 'first', m.model, 0, 0
    FROM spent CROSS JOIN (SELECT DISTINCT model FROM attribution_touchpoints) AS m
),
summed AS (
    SELECT month, channel, campaign_id, sale_kind, model, sum(orders) AS orders,
        sum(revenue) AS revenue, CASE WHEN sale_kind = 'first' THEN sum(orders) ELSE 0 END AS won,
        sum(sum(revenue)) OVER (PARTITION BY month, channel, campaign_id, model) AS both_kinds
    FROM credited GROUP BY month, channel, campaign_id, sale_kind, model
)
SELECT month, channel, campaign_id, sale_kind, model, round(orders, 9) AS attributed_orders,
    revenue AS attributed_revenue, round(won, 9) AS new_customers,
    CASE WHEN sale_kind = 'first' AND spend > 0 THEN round(both_kinds / spend, 6) END AS roas,
    CASE WHEN sale_kind = 'first' AND spend > 0 AND round(won, 9) > 0 THEN round(spend / won, 6) END
        AS cac
FROM summed LEFT JOIN spent USING (month, channel, campaign_id);
