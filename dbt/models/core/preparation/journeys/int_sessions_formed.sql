-- Two passes over the events in the order of each visitor: where a session begins, and its number.
{% call increment_by('visitor_id') %}
select visitor_id from {{ changes_of('stg_shop__web_events') }} as changed
{% endcall %}
with

events as (
    select
        event_id,
        visitor_id,
        account_id,
        occurred_at,
        event_name,
        {{ utm_value('utm_source') }} as utm_source,
        {{ utm_value('utm_medium') }} as utm_medium,
        {{ utm_value('utm_campaign') }} as utm_campaign,
        referrer,
        device
    from {{ ref('stg_shop__web_events') }}
    where {{ is_within('visitor_id') }}
),

ordered as (
    select
        *,
        row_number() over (partition by visitor_id order by occurred_at, event_id) as event_number,
        lag(occurred_at) over (
            partition by visitor_id order by occurred_at, event_id
        ) as previous_at
    from events
),

marked as (
    select
        *,
        case
            when
                previous_at is null
                or occurred_at >= {{ add_seconds('previous_at', var('session_gap_seconds')) }}
                then 1
            else 0
        end as is_landing,
        coalesce(utm_source, utm_medium, utm_campaign) is not null as is_tagged
    from ordered
),

numbered as (
    select
        *,
        sum(is_landing) over (
            partition by visitor_id
            order by event_number
            rows between unbounded preceding and current row
        ) as session_number
    from marked
),

sessions as (
    select
        visitor_id,
        cast(session_number as bigint) as session_number,
        concat('session:', min(case when is_landing = 1 then event_id end)) as session_id,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        count(*) as event_count,
        {{ count_if("event_name = 'page_view'") }} as page_view_count,
        {{ count_if("event_name = 'product_view'") }} as product_view_count,
        {{ count_if("event_name = 'add_to_cart'") }} as cart_count,
        {{ count_if("event_name = 'checkout_started'") }} as checkout_count,
        {{ count_if("event_name = 'order_placed'") }} as order_placed_count,
        {{ count_if("event_name in ('order_placed', 'sign_up', 'form_submitted')") }}
            as key_event_count,
        {{ arg_min('account_id', 'case when account_id is not null then event_number end') }}
            as account_id,
        min(case when is_landing = 1 then device end) as device,
        min(case when is_landing = 1 then referrer end) as landing_referrer,
        min(event_number) as landing_event_number,
        min(case when is_tagged then event_number end) as tagged_event_number,
        {{ arg_min("coalesce(utm_source, '')", 'case when is_tagged then event_number end') }}
            as utm_source,
        {{ arg_min("coalesce(utm_medium, '')", 'case when is_tagged then event_number end') }}
            as utm_medium,
        {{ arg_min("coalesce(utm_campaign, '')", 'case when is_tagged then event_number end') }}
            as utm_campaign
    from numbered
    group by visitor_id, session_number
),

final as (
    select
        session_id,
        visitor_id,
        session_number,
        started_at,
        ended_at,
        event_count,
        page_view_count,
        product_view_count,
        cart_count,
        checkout_count,
        order_placed_count,
        key_event_count,
        account_id,
        nullif(device, '') as device,
        nullif(landing_referrer, '') as landing_referrer,
        coalesce(tagged_event_number = landing_event_number, false) as is_landing_tagged,
        nullif(utm_source, '') as utm_source,
        nullif(utm_medium, '') as utm_medium,
        nullif(utm_campaign, '') as utm_campaign
    from sessions
)

select * from final
