CREATE TABLE journey_steps AS
WITH lost AS (
    SELECT t.touchpoint_id, t.channel, t.touched_at,
        coalesce('customer:' || t.customer_id, 'visitor:' || t.visitor_id) AS person
    FROM touchpoints AS t ANTI JOIN paths AS p USING (touchpoint_id)
    WHERE coalesce(t.customer_id, t.visitor_id) IS NOT NULL
),
gaps AS (
    SELECT *, coalesce(CAST(touched_at > lag(touched_at) OVER p + INTERVAL 30 DAY AS INTEGER), 1)
        AS is_new
    FROM lost WINDOW p AS (PARTITION BY person ORDER BY touched_at, touchpoint_id)
),
numbered AS (
    SELECT *, person || ':' || sum(is_new) OVER (
        PARTITION BY person ORDER BY touched_at, touchpoint_id) AS journey_id
    FROM gaps
)
SELECT journey_id, 'loss' AS outcome, person, NULL AS order_id, channel, touched_at,
    row_number() OVER (PARTITION BY journey_id ORDER BY touched_at, touchpoint_id) AS position
FROM numbered
QUALIFY max(touched_at) OVER (PARTITION BY journey_id) + INTERVAL 30 DAY
    < TIMESTAMP '2026-06-30 23:00:00'
UNION ALL
SELECT 'sale:' || p.order_id, 'sale', coalesce('customer:' || o.customer_id,
    'visitor:' || o.visitor_id, 'order:' || o.order_id), p.order_id, p.channel, p.touched_at,
    p.position
FROM paths AS p INNER JOIN orders AS o USING (order_id);

-- Most journeys have one touch: ordered texts of all of them do not fit in memory at a million.
CREATE TABLE journey_paths AS
WITH counted AS (
    SELECT *, count(*) OVER (PARTITION BY journey_id) AS touches FROM journey_steps
),
steps AS (
    SELECT *, lag(channel) OVER j AS previous, row_number() OVER c AS visit,
        count(*) OVER (PARTITION BY journey_id, channel) AS visits
    FROM counted WHERE touches > 1
    WINDOW j AS (PARTITION BY journey_id ORDER BY position),
        c AS (PARTITION BY journey_id, channel ORDER BY position)
),
spreads AS (
    SELECT order_id, max(high - low) AS spread FROM (
        SELECT order_id, channel, max(credit) AS high,
            CASE WHEN count(*) < 9 THEN 0 ELSE min(credit) END AS low
        FROM (
            SELECT order_id, channel, model, sum(credit) AS credit FROM attribution_touchpoints
            GROUP BY ALL
        ) GROUP BY ALL
    ) GROUP BY order_id
),
journeys AS (
    SELECT journey_id, any_value(outcome) AS outcome, any_value(order_id) AS order_id,
        any_value(person) AS person, count(*) AS touches, min(touched_at) AS first_at,
        string_agg(channel, ' > ' ORDER BY position) AS "unique",
        string_agg(channel, ' > ' ORDER BY position) FILTER (previous IS DISTINCT FROM channel)
            AS exposure,
        string_agg(channel, ' > ' ORDER BY position) FILTER (visit = 1) AS first,
        string_agg(channel || '(' || visits || ')', ' > ' ORDER BY position) FILTER (visit = 1)
            AS frequency
    FROM steps GROUP BY journey_id
    UNION ALL
    SELECT journey_id, outcome, order_id, person, 1, touched_at, channel, channel, channel,
        channel || '(1)'
    FROM counted WHERE touches = 1
),
summed AS (
    SELECT j.outcome, j.person, j.touches, j."unique", j.exposure, j.first, j.frequency,
        date_diff('second', j.first_at, o.ordered_at) / 86400 AS days, o.net_revenue, s.spread
    FROM journeys AS j LEFT JOIN orders AS o USING (order_id) LEFT JOIN spreads AS s USING (order_id)
    UNION ALL
    SELECT 'sale', coalesce('customer:' || o.customer_id, 'visitor:' || o.visitor_id,
        'order:' || o.order_id), 0, '(none)', '(none)', '(none)', '(none)', NULL, o.net_revenue, 0
    FROM orders AS o ANTI JOIN paths AS p USING (order_id) WHERE o.is_sale
),
long AS (
    UNPIVOT summed ON "unique", exposure, first, frequency INTO NAME transform VALUE path
)
SELECT transform, path, count(DISTINCT person) AS customers, count(*) AS journeys,
    count(*) FILTER (outcome = 'sale') AS conversions, count(*) FILTER (outcome = 'loss') AS losses,
    coalesce(sum(net_revenue), 0) AS revenue, round(median(days), 6) AS median_days,
    round(avg(touches), 6) AS average_touches, round(avg(spread), 6) AS credit_spread
FROM long GROUP BY transform, path;
