{%- set origin = ['utm_source', 'utm_medium', 'utm_campaign', 'landing_referrer'] -%}
-- Where sessions come from is the same for many of them: every combination of tags and referrer is
-- matched against the seeds once and joined back, with empty texts, which a join can compare.
{% call increment_by('visitor_id') %}
select visitor_id from {{ changes_of('int_sessions_formed') }} as changed
{% endcall %}
with

sessions as (
    select
        visitor_id,
        is_landing_tagged,
        {{ origin | join(',\n        ') }},
        lower(device) as device_name
    from {{ ref('int_sessions_formed') }}
    where {{ is_within('visitor_id') }}
),

landings as (
    select distinct
        is_landing_tagged,
        {{ origin | join(',\n        ') }}
    from sessions
),

origins as (
    select
        row_number() over (
            order by is_landing_tagged, {{ origin | join(', ') }}
        ) as origin_number,
        is_landing_tagged,
        {{ origin | join(',\n        ') }},
        {{ referrer_host('landing_referrer') }} as referrer_host
    from landings
),

bots as (
    select * from {{ ref('known_bots') }}
),

-- Engines read an empty cell of a seed as NULL or as an empty text.
rules as (
    select
        rule_number,
        channel,
        nullif(source_category, '') as source_category,
        nullif(source_pattern, '') as source_pattern,
        nullif(medium_pattern, '') as medium_pattern,
        nullif(campaign_pattern, '') as campaign_pattern
    from {{ ref('channel_rules') }}
),

devices as (
    select distinct device_name
    from sessions
    where device_name is not null
),

hosts as (
    select distinct referrer_host
    from origins
    where referrer_host is not null
),

bot_devices as (
    select distinct d.device_name
    from devices as d
    inner join bots as b on b.field = 'device' and {{ matches_pattern('d.device_name', 'b.pattern') }}
),

bot_hosts as (
    select distinct h.referrer_host
    from hosts as h
    inner join bots as b
        on b.field = 'referrer' and {{ matches_pattern('h.referrer_host', 'b.pattern') }}
),

bot_referrers as (
    select distinct o.landing_referrer
    from origins as o
    inner join bot_hosts as h on o.referrer_host = h.referrer_host
),

bot_visitors as (
    select s.visitor_id
    from sessions as s
    inner join bot_devices as d on s.device_name = d.device_name

    union

    select s.visitor_id
    from sessions as s
    inner join bot_referrers as r on s.landing_referrer = r.landing_referrer

    union

    -- A word, and not a pattern: visitors are too many to try patterns on.
    select v.visitor_id
    from (select distinct visitor_id from sessions) as v
    inner join bots as b
        on
            b.field = 'visitor_id'
            and {{ regexp_group('lower(v.visitor_id)', '^([a-z]+)([^a-z]|$)') }} = b.pattern
),

internal_hosts as (
    select distinct h.referrer_host
    from hosts as h
    inner join {{ ref('internal_referrers') }} as i
        on {{ matches_pattern('h.referrer_host', 'i.host_pattern') }}
),

-- The landing page's tags, else its referrer, else tags that came later in the session.
sourced as (
    select
        o.origin_number,
        case
            when o.is_landing_tagged then 'tags'
            when
                o.referrer_host is not null
                and i.referrer_host is null
                and o.referrer_host not in ('(direct)', 'direct', '(none)', '(not set)', 'null')
                then 'referrer'
            when coalesce(o.utm_source, o.utm_medium, o.utm_campaign) is not null then 'tags'
            else 'direct'
        end as origin,
        o.referrer_host,
        o.utm_source,
        o.utm_medium,
        o.utm_campaign
    from origins as o
    left join internal_hosts as i on o.referrer_host = i.referrer_host
),

described as (
    select
        origin_number,
        origin,
        case origin
            when 'tags' then coalesce(utm_source, '(not set)')
            when 'referrer' then referrer_host
            else '(direct)'
        end as source,
        case origin
            when 'tags' then coalesce(utm_medium, '(not set)')
            else '(none)'
        end as medium,
        case when origin = 'tags' then coalesce(utm_campaign, '(not set)') else '(not set)' end
            as campaign
    from sourced
),

categories as (
    select
        d.source,
        min(c.source_category) as source_category
    from (select distinct source from described) as d
    inner join {{ ref('channel_sources') }} as c
        on
            case
                when position(c.token in d.source) > 0
                    then {{ matches_pattern('d.source', 'c.source_pattern') }}
                else false
            end
    group by d.source
),

-- A link from a search engine is organic and one from an assistant is its own medium, as GA4 tags
-- them; any other link is a referral. A host that has no category is like any other to the rules.
mediums as (
    select
        d.origin_number,
        d.source,
        d.campaign,
        coalesce(c.source_category, '') as source_category,
        case when d.origin = 'referrer' then '' else d.source end as tagged_source,
        case
            when d.origin <> 'referrer' then d.medium
            when c.source_category = 'search' then 'organic'
            when c.source_category = 'ai_assistant' then 'ai-assistant'
            else 'referral'
        end as medium
    from described as d
    left join categories as c on d.source = c.source
),

combinations as (
    select distinct
        source_category,
        tagged_source,
        medium,
        campaign
    from mediums
),

ruled as (
    select
        c.source_category,
        c.tagged_source,
        c.medium,
        c.campaign,
        min(r.rule_number) as rule_number
    from combinations as c
    inner join rules as r
        on
            (r.source_category is null or c.source_category = r.source_category)
            and (
                r.source_pattern is null
                or {{ matches_pattern('c.tagged_source', 'r.source_pattern') }}
            )
            and (
                r.medium_pattern is null or {{ matches_pattern('c.medium', 'r.medium_pattern') }}
            )
            and (
                r.campaign_pattern is null
                or {{ matches_pattern('c.campaign', 'r.campaign_pattern') }}
            )
    group by c.source_category, c.tagged_source, c.medium, c.campaign
),

classified as (
    select
        o.is_landing_tagged,
        {%- for column in origin %}
        coalesce(o.{{ column }}, '') as {{ column }},
        {%- endfor %}
        m.source,
        m.medium,
        nullif(m.campaign, '(not set)') as campaign,
        coalesce(r.channel, 'unassigned') as channel
    from mediums as m
    inner join origins as o on m.origin_number = o.origin_number
    left join ruled as d
        on
            m.source_category = d.source_category
            and m.tagged_source = d.tagged_source
            and m.medium = d.medium
            and m.campaign = d.campaign
    left join rules as r on d.rule_number = r.rule_number
),

final as (
    select
        s.session_id,
        s.visitor_id,
        s.session_number,
        s.started_at,
        s.ended_at,
        s.event_count,
        s.page_view_count,
        s.product_view_count,
        s.cart_count,
        s.checkout_count,
        s.order_placed_count,
        s.key_event_count,
        s.account_id,
        lower(s.device) as device,
        c.channel,
        c.source,
        c.medium,
        c.campaign
    from {{ ref('int_sessions_formed') }} as s
    inner join classified as c
        on
            s.is_landing_tagged = c.is_landing_tagged
            {%- for column in origin %}
            and coalesce(s.{{ column }}, '') = c.{{ column }}
            {%- endfor %}
    where s.visitor_id not in (select visitor_id from bot_visitors) and {{ is_within('s.visitor_id') }}
)

select * from final
