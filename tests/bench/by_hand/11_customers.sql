-- What the service, the consents and the predictions say of a customer is made already, for both.
CREATE TABLE customers AS
WITH sales AS (SELECT * FROM orders WHERE is_sale AND customer_id IS NOT NULL),
bought AS (
    SELECT customer_id, min(ordered_at) AS first_order_at, max(ordered_at) AS last_order_at,
        count(*) AS order_count, sum(net_revenue) AS net_revenue,
        CASE WHEN count(*) = count(gross_margin) THEN sum(gross_margin) END AS gross_margin,
        DATE '2026-06-30' - max(order_date) AS days_since_last_order,
        (max(order_date) - min(order_date)) / nullif(count(*) - 1, 0) AS purchase_interval_days,
        arg_max(days_since_previous_order, order_number) AS last_gap
    FROM sales GROUP BY customer_id
),
favourites AS (
    SELECT customer_id, arg_max(order_hour, (n, -order_hour)) AS favourite_hour
    FROM (SELECT customer_id, order_hour, count(*) AS n FROM sales GROUP BY ALL) GROUP BY ALL
),
weekdays AS (
    SELECT customer_id, arg_max(weekday, (n, -weekday)) AS favourite_weekday
    FROM (SELECT customer_id, isodow(order_date) AS weekday, count(*) AS n FROM sales GROUP BY ALL)
    GROUP BY ALL
),
channels AS (
    SELECT customer_id, sales_channel AS favourite_channel
    FROM (SELECT customer_id, sales_channel, count(*) AS n FROM sales GROUP BY ALL)
    QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY n DESC, sales_channel) = 1
),
categories AS (
    SELECT customer_id, category AS favourite_category
    FROM (
        SELECT customer_id, category, sum(net_revenue) AS n FROM order_lines
        WHERE is_sale AND NOT is_service AND customer_id IS NOT NULL AND category IS NOT NULL
        GROUP BY ALL
    )
    QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY n DESC, category) = 1
),
scored AS (
    SELECT *, CASE WHEN order_count = 1 THEN '1' WHEN order_count <= 3 THEN '2-3' ELSE '4+' END
            AS band,
        1 + 5 * (rank() OVER (ORDER BY days_since_last_order DESC) - 1) // count(*) OVER ()
            AS recency_score,
        1 + 5 * (rank() OVER (ORDER BY order_count) - 1) // count(*) OVER () AS frequency_score,
        1 + 5 * (rank() OVER (ORDER BY net_revenue) - 1) // count(*) OVER () AS monetary_score,
        CASE WHEN count(*) OVER () = count(gross_margin) OVER () THEN gross_margin ELSE net_revenue
        END AS measure
    FROM bought
),
tiered AS (
    SELECT *, sum(greatest(measure, 0)) OVER (ORDER BY measure DESC)
        - sum(greatest(measure, 0)) OVER (PARTITION BY measure) AS above,
        sum(greatest(measure, 0)) OVER () AS total
    FROM scored
),
gaps AS (
    SELECT b.band, quantile_cont(s.days_since_previous_order, [0.5, 0.9]) AS q, count(*) AS n
    FROM sales AS s INNER JOIN scored AS b USING (customer_id)
    WHERE s.days_since_previous_order IS NOT NULL GROUP BY GROUPING SETS ((b.band), ())
),
measured AS (
    SELECT b.band, CASE WHEN g.n >= 30 THEN g.q ELSE a.q END AS q
    FROM (SELECT unnest(['1', '2-3', '4+']) AS band) AS b
    LEFT JOIN gaps AS g ON g.band = b.band CROSS JOIN (SELECT q FROM gaps WHERE band IS NULL) AS a
),
first_sale AS (SELECT customer_id, first_order_at FROM bought),
came AS (
    SELECT t.customer_id, min(t.touched_at) AS touched_at,
        coalesce(arg_max(t.channel, (t.touched_at, t.touchpoint_id))
            FILTER (t.touched_at <= f.first_order_at),
            arg_min(t.channel, (t.touched_at, t.touchpoint_id))) AS channel
    FROM touchpoints AS t LEFT JOIN first_sale AS f USING (customer_id)
    WHERE t.customer_id IS NOT NULL GROUP BY t.customer_id
),
seen AS (
    SELECT customer_id, min(seen_at) AS first_seen_at FROM (
        SELECT a.customer_id, r.seen_at
        FROM intermediate.int_identity_records AS r
        INNER JOIN identity.assignments AS a USING (source_system, source_table, source_id)
        UNION ALL
        SELECT customer_id, ordered_at FROM orders WHERE customer_id IS NOT NULL
        UNION ALL
        SELECT customer_id, touched_at FROM touchpoints WHERE customer_id IS NOT NULL
    ) GROUP BY customer_id
),
recorded AS (
    SELECT a.customer_id, coalesce(c.lead_source, b.registration_channel) AS word
    FROM identity.assignments AS a
    INNER JOIN staging.stg_shop__accounts AS b ON a.source_table = 'accounts'
        AND b.account_id = a.source_id
    LEFT JOIN identity.assignments AS k ON k.customer_id = a.customer_id
        AND k.source_table = 'contacts'
    LEFT JOIN staging.stg_crm__contacts AS c ON c.contact_id = k.source_id
)
SELECT p.customer_id, e.first_seen_at, coalesce(c.channel, CASE WHEN r.word IN ('referral', 'organic_search', 'email') THEN r.word
        ELSE 'unassigned' END) AS acquisition_channel,
    r.word AS acquisition_source,
    CASE WHEN s.customer_id IS NULL THEN 'lead'
        WHEN s.order_count = 1 AND s.days_since_last_order <= 30 THEN 'new'
        WHEN s.days_since_last_order > m.q[2] THEN 'lapsed'
        WHEN s.days_since_last_order > m.q[1] THEN 'at_risk'
        WHEN s.last_gap > m.q[2] THEN 'reactivated' ELSE 'active' END AS lifecycle_stage,
    s.first_order_at, s.last_order_at, coalesce(s.order_count, 0) AS order_count,
    coalesce(s.net_revenue, 0) AS net_revenue,
    CASE WHEN s.customer_id IS NULL THEN 0 ELSE s.gross_margin END AS gross_margin,
    CAST(round(100 * s.net_revenue / s.order_count) / 100 AS DECIMAL(18, 2)) AS average_order_value,
    s.days_since_last_order, s.purchase_interval_days, g.favourite_category, h.favourite_channel,
    w.favourite_weekday, f.favourite_hour, s.recency_score, s.frequency_score, s.monetary_score,
    x.segment AS rfm_segment,
    CASE WHEN s.customer_id IS NULL THEN NULL WHEN s.measure <= 0 THEN 'C'
        WHEN s.above < 0.8 * s.total THEN 'A' WHEN s.above < 0.95 * s.total THEN 'B' ELSE 'C' END
        AS value_tier,
    0 AS won_deal_count, 0 AS won_deal_amount, 0 AS open_deal_amount,
    y.declared_reason, y.declared_in AS declared_reason_in, y.declared_at AS declared_reason_at,
    d.city, d.region, d.country, coalesce(v.call_count, 0) AS call_count,
    coalesce(v.open_ticket_count, 0) AS open_ticket_count, v.last_nps_score, v.last_csat_score,
    q.persona, q.p_alive, q.predicted_12m_value, q.churn_probability, q.next_order_expected_date,
    coalesce(z.can_email, false) AS can_email, coalesce(z.can_sms, false) AS can_sms,
    coalesce(z.can_call, false) AS can_call,
    coalesce(z.is_profiling_withdrawn, false) AS is_profiling_withdrawn
FROM identity.customers AS p
LEFT JOIN tiered AS s USING (customer_id)
LEFT JOIN measured AS m ON m.band = s.band
LEFT JOIN seeds.rfm_segments AS x ON x.recency_score = s.recency_score
    AND x.value_score = (s.frequency_score + s.monetary_score + 1) // 2
LEFT JOIN came AS c USING (customer_id)
LEFT JOIN recorded AS r USING (customer_id)
LEFT JOIN favourites AS f USING (customer_id)
LEFT JOIN weekdays AS w USING (customer_id)
LEFT JOIN channels AS h USING (customer_id)
LEFT JOIN categories AS g USING (customer_id)
LEFT JOIN seen AS e USING (customer_id)
LEFT JOIN intermediate.int_customers_reasoned AS y USING (customer_id)
LEFT JOIN intermediate.int_customers_served AS v USING (customer_id)
LEFT JOIN intermediate.int_customers_predicted AS q USING (customer_id)
LEFT JOIN intermediate.int_customers_permitted AS z USING (customer_id)
LEFT JOIN restricted.customer_contacts AS d USING (customer_id);
