-- This shop's campaigns bear their id everywhere, and the word of a message is its channel.
CREATE TABLE clicks AS
SELECT m.message_id, m.medium, m.campaign_id, m.occurred_at,
    coalesce(c.customer_id, i.customer_id) AS customer_id
FROM staging.stg_marketing__messages AS m
LEFT JOIN identity.assignments AS c ON c.source_table = 'contacts' AND c.source_id = m.contact_id
LEFT JOIN identity.identifiers AS i ON i.identifier_kind = 'email' AND i.raw_value = m.email
WHERE m.event = 'clicked';

-- The visit that a click opened is one touch with it: the last click before, its first visit.
CREATE TABLE opened AS
SELECT * FROM (
    SELECT s.session_id, s.started_at, c.message_id, c.medium AS channel,
        coalesce(c.campaign_id, s.campaign) AS campaign_id
    FROM sessions AS s INNER JOIN clicks AS c ON c.customer_id = s.customer_id
        AND s.started_at BETWEEN c.occurred_at AND c.occurred_at + INTERVAL 30 MINUTE
        AND (c.campaign_id = s.campaign OR c.medium = s.channel)
    QUALIFY row_number() OVER (
        PARTITION BY s.session_id ORDER BY c.occurred_at DESC, c.message_id) = 1
)
QUALIFY row_number() OVER (PARTITION BY message_id ORDER BY started_at, session_id) = 1;

CREATE TABLE touchpoints AS
WITH people AS (
    SELECT source_system, source_table, source_id, customer_id FROM identity.assignments
),
touches AS (
    SELECT s.session_id AS touchpoint_id, s.customer_id, s.visitor_id, 'session' AS kind,
        o.message_id, coalesce(o.channel, s.channel) AS channel,
        coalesce(o.campaign_id, s.campaign) AS campaign_id, s.started_at AS touched_at,
        CASE WHEN o.session_id IS NOT NULL AND s.identified_by NOT IN ('account', 'order')
            THEN 'record' ELSE s.identified_by END AS identified_by
    FROM sessions AS s LEFT JOIN opened AS o USING (session_id)
    UNION ALL
    SELECT 'message:' || message_id, customer_id, NULL, 'message', message_id, medium, campaign_id,
        occurred_at, CASE WHEN customer_id IS NOT NULL THEN 'record' END
    FROM clicks ANTI JOIN opened USING (message_id)
    UNION ALL
    SELECT 'social:' || s.interaction_id, p.customer_id, NULL, 'social', NULL, 'organic_social',
        NULL, s.occurred_at, CASE WHEN p.customer_id IS NOT NULL THEN 'record' END
    FROM staging.stg_marketing__social_interactions AS s
    LEFT JOIN people AS p ON p.source_table = 'accounts' AND p.source_id = s.account_id
    UNION ALL
    SELECT 'call:' || c.call_id, p.customer_id, NULL, 'call', NULL, 'call_center',
        c.campaign_id, c.started_at, CASE WHEN p.customer_id IS NOT NULL THEN 'record' END
    FROM staging.stg_call_center__calls AS c
    LEFT JOIN people AS p ON p.source_table = 'calls' AND p.source_id = c.call_id
    WHERE c.disposition = 'answered'
),
first_known AS (
    SELECT customer_id, arg_min(touchpoint_id, (touched_at, touchpoint_id)) AS touchpoint_id
    FROM touches
    WHERE customer_id IS NOT NULL AND identified_by IN ('account', 'order', 'record')
    GROUP BY customer_id
)
SELECT t.*, f.touchpoint_id IS NOT NULL AS is_identifying
FROM touches AS t LEFT JOIN first_known AS f USING (touchpoint_id);
