{%- set references = {
    'contact': 'r.contact_id', 'account': 'r.account_id', 'email': 'r.email', 'phone': 'r.phone'
} -%}
with

campaigns as (
    select * from {{ ref('stg_marketing__campaigns') }}
),

-- Who opens or clicks has received; whoever reports no delivery reports bounces.
messages as (
    select
        campaign_id,
        message_id,
        max(contact_id) as contact_id,
        max(account_id) as account_id,
        max(email) as email,
        max(phone) as phone,
        max(case when event = 'bounced' then 1 else 0 end) as is_bounced,
        max(case when event in ('opened', 'clicked') then 1 else 0 end) as is_opened,
        max(case when event = 'clicked' then 1 else 0 end) as is_clicked,
        max(case when event = 'unsubscribed' then 1 else 0 end) as is_unsubscribed
    from {{ ref('stg_marketing__messages') }}
    where campaign_id is not null
    group by campaign_id, message_id
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
        sum(clicks) as ad_clicks
    from {{ ref('int_ad_spend_converted') }}
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
        min(case when spend > 0 or attributed_orders > 0 then channel end) as channel,
        sum(attributed_orders) as orders,
        sum(attributed_revenue) as revenue,
        sum(new_customers) as new_customers,
        sum(spend) as cost
    from {{ ref('attribution_channels') }}
    where model = 'last_non_direct' and campaign_id <> '(none)'
    group by campaign_id
),

keys as (
    select campaign_id from campaigns

    union

    select campaign_id from sent

    union

    select campaign_id from visited

    union

    select campaign_id from sold
),

final as (
    select
        k.campaign_id,
        c.campaign_id is not null as is_listed,
        c.name,
        coalesce(w.channel, n.channel, case when c.channel is null then s.channel else 'unassigned' end)
            as channel,
        c.starts_on,
        c.ends_on,
        c.budget,
        coalesce(m.messages_sent, 0) as messages_sent,
        cast(coalesce(m.messages_delivered, 0) as bigint) as messages_delivered,
        cast(coalesce(m.messages_opened, 0) as bigint) as messages_opened,
        cast(coalesce(m.messages_clicked, 0) as bigint) as messages_clicked,
        cast(coalesce(m.messages_unsubscribed, 0) as bigint) as messages_unsubscribed,
        coalesce(r.people_reached, 0) as people_reached,
        round({{ safe_ratio('m.messages_opened', 'm.messages_delivered') }}, 6) as open_rate,
        round({{ safe_ratio('m.messages_clicked', 'm.messages_delivered') }}, 6) as click_rate,
        round({{ safe_ratio('m.messages_unsubscribed', 'm.messages_delivered') }}, 6)
            as unsubscribe_rate,
        cast(coalesce(i.impressions, 0) as bigint) as impressions,
        cast(coalesce(i.ad_clicks, 0) as bigint) as ad_clicks,
        coalesce(v.visits, 0) as visits,
        round(coalesce(s.orders, 0), 9) as attributed_orders,
        cast(coalesce(s.revenue, 0) as decimal(18, 2)) as attributed_revenue,
        round(coalesce(s.new_customers, 0), 9) as new_customers,
        cast(coalesce(s.cost, 0) as decimal(18, 2)) as cost,
        case when s.cost > 0 then round({{ safe_ratio('s.revenue', 's.cost') }}, 6) end as roas,
        case
            when s.cost > 0 and s.new_customers > 0
                then round({{ safe_ratio('s.cost', 's.new_customers') }}, 6)
        end as cac
    from keys as k
    left join campaigns as c on k.campaign_id = c.campaign_id
    left join {{ ref('channel_words') }} as w on {{ channel_word('c.channel') }} = w.word
    left join {{ ref('channels') }} as n on {{ channel_word('c.channel') }} = n.channel
    left join sent as m on k.campaign_id = m.campaign_id
    left join reached as r on k.campaign_id = r.campaign_id
    left join shown as i on k.campaign_id = i.campaign_id
    left join visited as v on k.campaign_id = v.campaign_id
    left join sold as s on k.campaign_id = s.campaign_id
)

select * from final
