{% call increment_by('coalesce(customer_id, touchpoint_id)') %}
select coalesce(customer_id, session_id) from {{ changes_of('int_sessions_identified') }} as sessions

union all

select coalesce(customer_id, touchpoint_id) from {{ changes_of('int_people_referenced') }} as people

union all

select customer_id from {{ changes_of('int_clicks_opened') }} as clicks

union all

select coalesce(customer_id, concat('call:', reference))
from {{ changes_of('int_owners_resolved') }} as owners
where reference_kind = 'call'

union all

select concat('call:', reference) from {{ changes_of('int_owners_resolved') }} as owners
where reference_kind = 'call'

union all

select coalesce(t.customer_id, t.touchpoint_id)
from {{ rows_before() }} as t
inner join {{ changes_of('stg_call_center__calls') }} as c
    on t.touchpoint_id = concat('call:', c.call_id)

union all

select coalesce({{ owner_by({'call': 'c.call_id'}) }}, concat('call:', c.call_id))
from {{ changes_of('stg_call_center__calls') }} as c
{{ join_owners({'call': 'c.call_id'}) }}

union all

select coalesce(s.customer_id, s.session_id)
from {{ ref('int_sessions_identified') }} as s
inner join {{ changes_of('int_campaigns_named') }} as n
    on {{ campaign_text('s.campaign') }} = n.campaign_text

union all

select coalesce(t.customer_id, t.touchpoint_id)
from {{ ref('stg_call_center__calls') }} as c
inner join {{ changes_of('int_campaigns_named') }} as n
    on {{ campaign_text('c.campaign_id') }} = n.campaign_text
inner join {{ rows_before() }} as t on t.touchpoint_id = concat('call:', c.call_id)
{% endcall %}
with

-- A click and the session that it opened are one touch: the session's, with the message's channel.
sessions as (
    select
        s.session_id as touchpoint_id,
        s.customer_id,
        s.visitor_id,
        'session' as kind,
        o.message_id,
        coalesce(o.channel, s.channel) as channel,
        coalesce(o.campaign_id, n.campaign_id) as campaign_id,
        s.started_at as touched_at,
        -- The click names the person, as a record does, where the session itself does not.
        case
            when o.session_id is not null and s.identified_by not in ('account', 'order') then 'record'
            else s.identified_by
        end as identified_by
    from {{ ref('int_sessions_identified') }} as s
    left join {{ ref('int_clicks_opened') }} as o on s.session_id = o.session_id
    left join {{ ref('int_campaigns_named') }} as n
        on {{ campaign_text('s.campaign') }} = n.campaign_text
    where {{ is_within('coalesce(s.customer_id, s.session_id)') }}
),

people as (
    select
        p.touchpoint_id,
        p.customer_id,
        cast(null as {{ dbt.type_string() }}) as visitor_id,
        p.kind,
        p.message_id,
        p.channel,
        p.campaign_id,
        p.touched_at,
        case when p.customer_id is not null then 'record' end as identified_by
    from {{ ref('int_people_referenced') }} as p
    left join {{ ref('int_clicks_opened') }} as o on p.touchpoint_id = o.click_id
    where o.click_id is null and {{ is_within('coalesce(p.customer_id, p.touchpoint_id)') }}
),

calls as (
    select
        concat('call:', c.call_id) as touchpoint_id,
        {{ owner_by({'call': 'c.call_id'}) }} as customer_id,
        cast(null as {{ dbt.type_string() }}) as visitor_id,
        'call' as kind,
        cast(null as {{ dbt.type_string() }}) as message_id,
        'call_center' as channel,
        n.campaign_id,
        c.started_at as touched_at,
        case when {{ owner_by({'call': 'c.call_id'}) }} is not null then 'record' end
            as identified_by
    from {{ ref('stg_call_center__calls') }} as c
    {{ join_owners({'call': 'c.call_id'}) }}
    left join {{ ref('int_campaigns_named') }} as n
        on {{ campaign_text('c.campaign_id') }} = n.campaign_text
    where
        c.disposition = 'answered'
        and {{ is_within(
            'coalesce(' ~ owner_by({'call': 'c.call_id'}) ~ ", concat('call:', c.call_id))"
        ) }}
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
        t.message_id,
        t.channel,
        t.campaign_id,
        t.touched_at,
        t.identified_by,
        i.touchpoint_id is not null as is_identifying
    from touches as t
    left join identifying as i on t.touchpoint_id = i.touchpoint_id
)

select * from final
