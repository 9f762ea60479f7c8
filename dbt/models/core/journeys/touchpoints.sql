with

sessions as (
    select
        s.session_id as touchpoint_id,
        s.customer_id,
        s.visitor_id,
        'session' as kind,
        s.channel,
        n.campaign_id,
        s.started_at as touched_at,
        s.identified_by
    from {{ ref('int_sessions_identified') }} as s
    left join {{ ref('int_campaigns_named') }} as n on s.campaign = n.campaign_text
),

people as (
    select
        p.touchpoint_id,
        p.customer_id,
        cast(null as {{ dbt.type_string() }}) as visitor_id,
        p.kind,
        case
            when p.kind = 'social' then 'organic_social'
            else coalesce(w.channel, c.channel, 'unassigned')
        end as channel,
        p.campaign_id,
        p.touched_at,
        case when p.customer_id is not null then 'record' end as identified_by
    from {{ ref('int_people_referenced') }} as p
    left join {{ ref('channel_words') }} as w on {{ channel_word('p.word') }} = w.word
    left join {{ ref('channels') }} as c on {{ channel_word('p.word') }} = c.channel
),

calls as (
    select
        concat('call:', c.call_id) as touchpoint_id,
        {{ owner_by({'call': 'c.call_id'}) }} as customer_id,
        cast(null as {{ dbt.type_string() }}) as visitor_id,
        'call' as kind,
        'call_center' as channel,
        c.campaign_id,
        c.started_at as touched_at,
        case when {{ owner_by({'call': 'c.call_id'}) }} is not null then 'record' end
            as identified_by
    from {{ ref('stg_call_center__calls') }} as c
    {{ join_owners({'call': 'c.call_id'}) }}
    where c.disposition = 'answered'
),

touches as (
    select * from sessions

    union all

    select * from people

    union all

    select * from calls
),

-- One number per person instead of a sort of every touch.
first_identified as (
    select
        customer_id,
        min(touched_at) as touched_at
    from touches
    where customer_id is not null and identified_by in ('account', 'order', 'record')
    group by customer_id
),

identifying as (
    select
        t.customer_id,
        min(t.touchpoint_id) as touchpoint_id
    from touches as t
    inner join first_identified as f
        on t.customer_id = f.customer_id and t.touched_at = f.touched_at
    where t.identified_by in ('account', 'order', 'record')
    group by t.customer_id
),

final as (
    select
        t.touchpoint_id,
        t.customer_id,
        t.visitor_id,
        t.kind,
        t.channel,
        t.campaign_id,
        t.touched_at,
        t.identified_by,
        i.touchpoint_id is not null as is_identifying
    from touches as t
    left join identifying as i on t.touchpoint_id = i.touchpoint_id
)

select * from final
