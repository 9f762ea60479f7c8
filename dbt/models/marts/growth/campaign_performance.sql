{%- set references = {
    'contact': 'r.contact_id', 'account': 'r.account_id', 'email': 'r.email', 'phone': 'r.phone'
} -%}
with

campaigns as (
    select * from {{ ref('campaigns') }}
),

-- Who opens or clicks has received; whoever reports no delivery reports bounces.
messages as (
    select
        n.campaign_id,
        m.message_id,
        max(m.contact_id) as contact_id,
        max(m.account_id) as account_id,
        max(m.email) as email,
        max(m.phone) as phone,
        max(case when m.event = 'bounced' then 1 else 0 end) as is_bounced,
        max(case when m.event in ('opened', 'clicked') then 1 else 0 end) as is_opened,
        max(case when m.event = 'clicked' then 1 else 0 end) as is_clicked,
        max(case when m.event = 'unsubscribed' then 1 else 0 end) as is_unsubscribed
    from {{ ref('stg_marketing__messages') }} as m
    inner join {{ ref('int_campaigns_named') }} as n
        on {{ campaign_text('m.campaign_id') }} = n.campaign_text
    group by n.campaign_id, m.message_id
),

delivered as (
    select
        *,
        case when is_bounced = 0 or is_opened = 1 or is_unsubscribed = 1 then 1 else 0 end
            as is_delivered
    from messages
),

sent as (
    select
        campaign_id,
        count(*) as messages_sent,
        sum(is_delivered) as messages_delivered,
        sum(is_opened) as messages_opened,
        sum(is_clicked) as messages_clicked,
        sum(is_unsubscribed) as messages_unsubscribed
    from delivered
    group by campaign_id
),

recipients as (
    select distinct
        campaign_id,
        contact_id,
        account_id,
        email,
        phone
    from delivered
    where is_delivered = 1
),

reached as (
    select
        r.campaign_id,
        count(distinct coalesce(
            {{ owner_by(references) }},
            concat('?', coalesce(r.contact_id, r.account_id, r.email, r.phone))
        )) as people_reached
    from recipients as r
    {{ join_owners(references) }}
    where coalesce(r.contact_id, r.account_id, r.email, r.phone) is not null
    group by r.campaign_id
),

shown as (
    select
        campaign_id,
        sum(impressions) as impressions,
        sum(clicks) as ad_clicks,
        sum(spend) as cost
    from {{ ref('marketing_spend') }}
    where campaign_id <> '(none)'
    group by campaign_id
),

visited as (
    select
        campaign_id,
        {{ count_if("kind = 'session'") }} as visits
    from {{ ref('touchpoints') }}
    where campaign_id is not null
    group by campaign_id
),

sold as (
    select
        campaign_id,
        sum(attributed_orders) as orders,
        sum(attributed_revenue) as revenue,
        sum(new_customers) as new_customers
    from {{ ref('attribution_channels') }}
    where model = 'last_non_direct' and campaign_id <> '(none)'
    group by campaign_id
),

final as (
    select
        c.campaign_id,
        c.is_declared,
        c.name,
        c.channel,
        c.starts_on,
        c.ends_on,
        c.budget,
        coalesce(m.messages_sent, 0) as messages_sent,
        cast(coalesce(m.messages_delivered, 0) as bigint) as messages_delivered,
        cast(coalesce(m.messages_opened, 0) as bigint) as messages_opened,
        cast(coalesce(m.messages_clicked, 0) as bigint) as messages_clicked,
        cast(coalesce(m.messages_unsubscribed, 0) as bigint) as messages_unsubscribed,
        coalesce(r.people_reached, 0) as people_reached,
        {{ rounded(safe_ratio('m.messages_opened', 'm.messages_delivered'), 6) }} as open_rate,
        {{ rounded(safe_ratio('m.messages_clicked', 'm.messages_delivered'), 6) }} as click_rate,
        {{ rounded(safe_ratio('m.messages_unsubscribed', 'm.messages_delivered'), 6) }}
            as unsubscribe_rate,
        cast(coalesce(i.impressions, 0) as bigint) as impressions,
        cast(coalesce(i.ad_clicks, 0) as bigint) as ad_clicks,
        coalesce(v.visits, 0) as visits,
        {{ rounded('coalesce(s.orders, 0)', 9) }} as attributed_orders,
        cast(coalesce(s.revenue, 0) as decimal(18, 2)) as attributed_revenue,
        {{ rounded('coalesce(s.new_customers, 0)', 9) }} as new_customers,
        cast(coalesce(i.cost, 0) as decimal(18, 2)) as cost,
        case when i.cost > 0 then {{ rounded(safe_ratio('s.revenue', 'i.cost'), 6) }} end as roas,
        case
            when i.cost > 0 and s.new_customers > 0
                then {{ rounded(safe_ratio('i.cost', 's.new_customers'), 6) }}
        end as cac
    from campaigns as c
    left join sent as m on c.campaign_id = m.campaign_id
    left join reached as r on c.campaign_id = r.campaign_id
    left join shown as i on c.campaign_id = i.campaign_id
    left join visited as v on c.campaign_id = v.campaign_id
    left join sold as s on c.campaign_id = s.campaign_id
)

select * from final
