-- Each sale's touches in 30 days, the nine models' credits as columns, and one row per model.
CREATE TABLE paths AS
WITH sales AS (SELECT * FROM orders WHERE is_sale),
matched AS (
    SELECT o.order_id, t.touchpoint_id, t.channel, t.campaign_id, t.touched_at, t.is_identifying
    FROM sales AS o INNER JOIN touchpoints AS t ON t.customer_id = o.customer_id
        AND t.touched_at BETWEEN o.ordered_at - INTERVAL 30 DAY AND o.ordered_at
    UNION ALL
    SELECT o.order_id, t.touchpoint_id, t.channel, t.campaign_id, t.touched_at, false
    FROM sales AS o INNER JOIN touchpoints AS t ON t.visitor_id = o.visitor_id
        AND t.touched_at BETWEEN o.ordered_at - INTERVAL 30 DAY AND o.ordered_at
    WHERE o.customer_id IS NULL
)
SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY touched_at, touchpoint_id) AS position,
    count(*) OVER (PARTITION BY order_id) AS n
FROM matched;

CREATE TABLE attribution_touchpoints AS
WITH described AS (
    SELECT p.*, e.removal_effect AS effect,
        coalesce(max(position) FILTER (p.channel <> 'direct') OVER o, n) AS last_non_direct,
        max(position) FILTER (is_identifying) OVER o AS known_at,
        sum(e.removal_effect) OVER o AS effects, max(touched_at) OVER o AS last_at,
        count(DISTINCT p.channel) OVER o AS channels,
        count(*) OVER (PARTITION BY order_id, p.channel) AS of_channel
    FROM paths AS p LEFT JOIN predictions.channel_removal_effects AS e USING (channel)
    WINDOW o AS (PARTITION BY order_id)
),
weighed AS (
    SELECT *, power(2, -date_diff('second', touched_at, last_at) / 604800.0) AS decay,
        CASE WHEN position IN (1, n) OR position = known_at THEN 0 ELSE 1 END AS is_rest
    FROM described
),
credits AS (
    SELECT order_id, position, n, touchpoint_id, channel, campaign_id,
        CAST(position = 1 AS DOUBLE) AS first, CAST(position = n AS DOUBLE) AS last,
        CAST(position = last_non_direct AS DOUBLE) AS last_non_direct, 1 / n AS linear,
        CASE WHEN n = 1 THEN 1 WHEN n = 2 THEN 0.5 WHEN position IN (1, n) THEN 0.4
            ELSE 0.2 / (n - 2) END AS u_shaped,
        (0.3 * CAST(position = 1 AS INTEGER) + 0.3 * CAST(position = n AS INTEGER)
            + 0.3 * coalesce(CAST(position = known_at AS INTEGER), 0)
            + CASE WHEN is_rest = 1 THEN 0.1 / sum(is_rest) OVER o ELSE 0 END)
        / (0.6 + CASE WHEN known_at IS NOT NULL THEN 0.3 ELSE 0 END
            + CASE WHEN sum(is_rest) OVER o > 0 THEN 0.1 ELSE 0 END) AS w_shaped,
        decay / sum(decay) OVER o AS time_decay,
        CASE WHEN effects > 0 THEN coalesce(effect, 0) / effects ELSE 1 / n END AS markov,
        1 / (channels * of_channel) AS shapley
    FROM weighed WINDOW o AS (PARTITION BY order_id)
),
long AS (
    UNPIVOT credits ON first, last, last_non_direct, linear, u_shaped, w_shaped, time_decay, markov,
        shapley INTO NAME model VALUE credit
),
closed AS (
    SELECT l.*, round(round(o.net_revenue * 100 * CASE WHEN position = n THEN 1 ELSE sum(credit) OVER
        (PARTITION BY order_id, model ORDER BY position) END, 6)) AS cents_so_far
    FROM long AS l INNER JOIN orders AS o USING (order_id)
)
SELECT order_id, model, position, touchpoint_id, channel, campaign_id, n AS path_length,
    round(credit, 12) AS credit, CAST((cents_so_far - lag(cents_so_far, 1, 0) OVER (
        PARTITION BY order_id, model ORDER BY position)) / 100 AS DECIMAL(18, 2))
        AS attributed_revenue
FROM closed
QUALIFY credit > 0 OR attributed_revenue <> 0
UNION ALL
SELECT o.order_id, m.model, 1, NULL, '(none)', NULL, 0, 1, o.net_revenue
FROM orders AS o ANTI JOIN paths AS p USING (order_id)
CROSS JOIN (SELECT unnest(['first', 'last', 'last_non_direct', 'linear', 'u_shaped', 'w_shaped',
    'time_decay', 'markov', 'shapley']) AS model) AS m
WHERE o.is_sale;
