CREATE TABLE touchpoints AS
WITH people AS (
    SELECT source_system, source_table, source_id, customer_id FROM identity.assignments
),
clicks AS (
    SELECT m.*, coalesce(c.customer_id, i.customer_id) AS customer_id
    FROM staging.stg_marketing__messages AS m
    LEFT JOIN people AS c ON c.source_table = 'contacts' AND c.source_id = m.contact_id
    LEFT JOIN identity.identifiers AS i ON i.identifier_kind = 'email' AND i.raw_value = m.email
    WHERE m.event = 'clicked'
),
touches AS (
    SELECT s.session_id AS touchpoint_id, s.customer_id, s.visitor_id, 'session' AS kind, s.channel,
        c.campaign_id, s.started_at AS touched_at, s.identified_by
    FROM sessions AS s
    LEFT JOIN staging.stg_marketing__campaigns AS c ON c.campaign_id = s.campaign
    UNION ALL
    SELECT 'message:' || message_id, customer_id, NULL, 'message', medium, campaign_id, occurred_at,
        CASE WHEN customer_id IS NOT NULL THEN 'record' END
    FROM clicks
    UNION ALL
    SELECT 'social:' || s.interaction_id, p.customer_id, NULL, 'social', 'organic_social', NULL,
        s.occurred_at, CASE WHEN p.customer_id IS NOT NULL THEN 'record' END
    FROM staging.stg_marketing__social_interactions AS s
    LEFT JOIN people AS p ON p.source_table = 'accounts' AND p.source_id = s.account_id
    UNION ALL
    SELECT 'call:' || c.call_id, p.customer_id, NULL, 'call', 'call_center', c.campaign_id,
        c.started_at, CASE WHEN p.customer_id IS NOT NULL THEN 'record' END
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
