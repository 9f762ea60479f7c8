-- The session that a click on a message opened: of the same person, begun within half an hour after
-- the click, with the message's campaign or medium. Each session has one click, the last before
-- it, and each click one session, the first of those that chose it.
{% call increment_by('customer_id') %}
select customer_id from {{ changes_of('int_people_referenced') }} as changed

union all

select customer_id from {{ changes_of('int_sessions_identified') }} as changed_sessions

union all

select s.customer_id
from {{ ref('int_sessions_identified') }} as s
inner join {{ changes_of('int_campaigns_named') }} as n
    on {{ campaign_text('s.campaign') }} = n.campaign_text
{% endcall %}
with

clicks as (
    select
        touchpoint_id,
        message_id,
        customer_id,
        word,
        channel,
        campaign_id,
        touched_at
    from {{ ref('int_people_referenced') }}
    where kind = 'message' and customer_id is not null and {{ is_within('customer_id') }}
),

sessions as (
    select
        s.session_id,
        s.customer_id,
        s.channel,
        s.medium,
        n.campaign_id,
        s.started_at
    from {{ ref('int_sessions_identified') }} as s
    left join {{ ref('int_campaigns_named') }} as n
        on {{ campaign_text('s.campaign') }} = n.campaign_text
    where s.customer_id is not null and {{ is_within('s.customer_id') }}
),

followed as (
    select
        c.touchpoint_id,
        c.message_id,
        c.customer_id,
        c.channel,
        coalesce(c.campaign_id, s.campaign_id) as campaign_id,
        s.session_id,
        s.started_at,
        row_number() over (
            partition by s.session_id
            order by c.touched_at desc, c.touchpoint_id asc
        ) as click_place
    from clicks as c
    inner join sessions as s
        on
            c.customer_id = s.customer_id
            and c.touched_at <= s.started_at
            and {{ add_seconds('c.touched_at', var('message_visit_seconds')) }} >= s.started_at
    where
        c.campaign_id = s.campaign_id
        or c.channel = s.channel
        or {{ channel_word('c.word') }} = {{ channel_word('s.medium') }}
),

chosen as (
    select
        *,
        row_number() over (
            partition by touchpoint_id
            order by started_at asc, session_id asc
        ) as session_place
    from followed
    where click_place = 1
),

final as (
    select
        session_id,
        touchpoint_id as click_id,
        message_id,
        customer_id,
        channel,
        campaign_id
    from chosen
    where session_place = 1
)

select * from final
