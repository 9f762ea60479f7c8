CREATE TABLE journey_transitions AS
WITH steps AS (
    SELECT channel, position, coalesce(lead(channel) OVER (
        PARTITION BY journey_id ORDER BY position), '(' || outcome || ')') AS to_state
    FROM journey_steps
),
furthest AS (
    SELECT CASE WHEN order_placed_count > 0 THEN 4 WHEN checkout_count > 0 THEN 3
        WHEN cart_count > 0 THEN 2 WHEN product_view_count > 0 THEN 1 ELSE 0 END AS step,
        count(*) AS sessions
    FROM sessions GROUP BY step
),
names AS (
    SELECT unnest([0, 1, 2, 3]) AS step,
        unnest(['(start)', 'product_view', 'add_to_cart', 'checkout_started']) AS name,
        unnest(['product_view', 'add_to_cart', 'checkout_started', '(order)']) AS next
),
moves AS (
    SELECT 'channel' AS level, channel AS from_state, to_state, count(*) AS transitions
    FROM steps GROUP BY ALL
    UNION ALL
    SELECT 'channel', '(start)', channel, count(*) FROM steps WHERE position = 1 GROUP BY ALL
    UNION ALL
    SELECT 'site', n.name, n.next, sum(f.sessions) FROM names AS n JOIN furthest AS f
        ON f.step > n.step GROUP BY ALL
    UNION ALL
    SELECT 'site', n.name, '(exit)', f.sessions FROM names AS n JOIN furthest AS f
        ON f.step = n.step
)
SELECT *, round(transitions / sum(transitions) OVER (PARTITION BY level, from_state), 6) AS transition_rate
FROM moves;
