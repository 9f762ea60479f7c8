-- Whose each session is. Devices are shared: identity passes between the sessions of a visitor and
-- never between the people who used it.
{% call increment_by('visitor_id') %}
select visitor_id from {{ changes_of('int_sessions_channeled') }} as changed

union all

select visitor_id from {{ changes_of('orders') }} as changed_orders

union all

select s.visitor_id
from {{ ref('int_sessions_channeled') }} as s
inner join {{ changes_of('int_owners_resolved') }} as o
    on s.account_id = o.reference and o.reference_kind = 'account'
{% endcall %}
with

sessions as (
    select * from {{ ref('int_sessions_channeled') }}
    where {{ is_within('visitor_id') }}
),

purchases as (
    select
        visitor_id,
        customer_id,
        ordered_at,
        row_number() over (
            partition by visitor_id order by ordered_at, order_id
        ) as purchase_number
    from {{ ref('orders') }}
    where visitor_id is not null and customer_id is not null and {{ is_within('visitor_id') }}
),

buyers as (
    select
        s.session_id,
        {{ arg_min('o.customer_id', 'o.purchase_number') }} as customer_id
    from sessions as s
    inner join purchases as o
        on
            s.visitor_id = o.visitor_id
            and s.started_at <= o.ordered_at
            and {{ add_seconds('s.ended_at', var('session_gap_seconds')) }} > o.ordered_at
    where s.account_id is null
    group by s.session_id
),

own as (
    select
        s.*,
        case
            when s.account_id is not null then 'account'
            when b.session_id is not null then 'order'
        end as own_identification,
        -- An account of nobody known is an owner too, whom no neighbour's name replaces.
        case
            when s.account_id is not null or b.session_id is not null
                then coalesce({{ owner_by({'account': 's.account_id'}) }}, b.customer_id, '')
        end as own_customer_id
    from sessions as s
    {{ join_owners({'account': 's.account_id'}) }}
    left join buyers as b on s.session_id = b.session_id
),

neighbours as (
    select
        *,
        {{ first_known('own_customer_id') }} over (
            partition by visitor_id
            order by session_number
            rows between current row and unbounded following
        ) as next_customer_id,
        {{ last_known('own_customer_id') }} over (
            partition by visitor_id
            order by session_number
            rows between unbounded preceding and current row
        ) as previous_customer_id
    from own
),

final as (
    select
        session_id,
        visitor_id,
        session_number,
        nullif(coalesce(next_customer_id, previous_customer_id), '') as customer_id,
        coalesce(
            own_identification,
            case
                when next_customer_id is not null then 'next_session'
                when previous_customer_id is not null then 'previous_session'
            end
        ) as identified_by,
        started_at,
        ended_at,
        event_count,
        page_view_count,
        product_view_count,
        cart_count,
        checkout_count,
        order_placed_count,
        key_event_count,
        device,
        channel,
        source,
        medium,
        campaign
    from neighbours
)

select * from final
