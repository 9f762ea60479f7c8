CREATE TABLE sessions AS
WITH marked AS (
    SELECT visitor_id, event_id, account_id, occurred_at, event_name, utm_source, utm_medium,
        utm_campaign, referrer, row_number() OVER v AS event_number,
        CASE WHEN occurred_at - lag(occurred_at) OVER v < INTERVAL 30 MINUTE THEN 0 ELSE 1 END
            AS is_landing,
        utm_source IS NOT NULL OR utm_medium IS NOT NULL OR utm_campaign IS NOT NULL AS is_tagged
    FROM staging.stg_shop__web_events
    WINDOW v AS (PARTITION BY visitor_id ORDER BY occurred_at, event_id)
),
numbered AS (
    SELECT *, sum(is_landing) OVER (PARTITION BY visitor_id ORDER BY event_number) AS session_number
    FROM marked
),
formed AS (
    SELECT visitor_id, session_number, min(occurred_at) AS started_at, max(occurred_at) AS ended_at,
        'session:' || any_value(event_id) FILTER (is_landing = 1) AS session_id,
        count(*) AS event_count,
        count(*) FILTER (event_name = 'page_view') AS page_view_count,
        count(*) FILTER (event_name = 'product_view') AS product_view_count,
        count(*) FILTER (event_name = 'add_to_cart') AS cart_count,
        count(*) FILTER (event_name = 'checkout_started') AS checkout_count,
        count(*) FILTER (event_name = 'order_placed') AS order_placed_count,
        count(*) FILTER (event_name IN ('order_placed', 'sign_up', 'form_submitted'))
            AS key_event_count,
        arg_min(account_id, event_number) FILTER (account_id IS NOT NULL) AS account_id,
        any_value(referrer) FILTER (is_landing = 1) AS referrer,
        bool_or(is_tagged AND is_landing = 1) AS is_landing_tagged,
        arg_min(utm_source, event_number) FILTER (is_tagged) AS utm_source,
        arg_min(utm_medium, event_number) FILTER (is_tagged) AS utm_medium,
        arg_min(utm_campaign, event_number) FILTER (is_tagged) AS campaign
    FROM numbered GROUP BY visitor_id, session_number
),
sourced AS (
    SELECT *, CASE WHEN is_landing_tagged OR (referrer IS NULL AND utm_source IS NOT NULL)
        THEN utm_source || '/' || utm_medium ELSE referrer END AS came
    FROM formed
),
bought AS (
    SELECT s.session_id, arg_min(o.customer_id, (o.ordered_at, o.order_id)) AS customer_id
    FROM sourced AS s
    INNER JOIN orders AS o ON o.visitor_id = s.visitor_id AND o.customer_id IS NOT NULL
        AND o.ordered_at >= s.started_at AND o.ordered_at < s.ended_at + INTERVAL 30 MINUTE
    WHERE s.account_id IS NULL GROUP BY s.session_id
),
own AS (
    SELECT s.*, coalesce(a.customer_id, b.customer_id) AS own_customer,
        CASE WHEN s.account_id IS NOT NULL THEN 'account'
            WHEN b.customer_id IS NOT NULL THEN 'order' END AS own_by
    FROM sourced AS s
    LEFT JOIN identity.assignments AS a ON a.source_system = 'shop' AND a.source_table = 'accounts'
        AND a.source_id = s.account_id
    LEFT JOIN bought AS b ON b.session_id = s.session_id
)
SELECT session_id, visitor_id, session_number, started_at, ended_at, event_count, page_view_count,
    product_view_count, cart_count, checkout_count, order_placed_count, key_event_count,
    CASE came WHEN 'google/cpc' THEN 'paid_search' WHEN 'facebook/paid_social' THEN 'paid_social'
        WHEN 'newsletter/email' THEN 'email' WHEN 'partner/affiliate' THEN 'affiliates'
        WHEN 'display-net/display' THEN 'display'
        WHEN 'https://www.google.com/' THEN 'organic_search'
        WHEN 'https://www.instagram.com/' THEN 'organic_social'
        WHEN 'https://blog.example.org/best-lamps' THEN 'referral' ELSE 'direct' END AS channel,
    CASE WHEN is_landing_tagged OR came LIKE '%/%' AND came NOT LIKE 'https:%' THEN campaign END
        AS campaign,
    coalesce(next_customer, previous_customer) AS customer_id,
    coalesce(own_by, CASE WHEN next_customer IS NOT NULL THEN 'next_session'
        WHEN previous_customer IS NOT NULL THEN 'previous_session' END) AS identified_by
FROM (
    SELECT *, first_value(own_customer IGNORE NULLS) OVER (
            PARTITION BY visitor_id ORDER BY session_number
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next_customer,
        last_value(own_customer IGNORE NULLS) OVER (
            PARTITION BY visitor_id ORDER BY session_number
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS previous_customer
    FROM own
);
