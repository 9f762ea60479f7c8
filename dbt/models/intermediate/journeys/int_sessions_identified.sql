-- Whose each session is. Devices are shared: identity passes between the sessions of a visitor and
-- never between the people who used it.
with

sessions as (
    select * from {{ ref('int_sessions_channeled') }}
),

accounts as (
    select
        source_id as account_id,
        customer_id
    from {{ source('identity', 'assignments') }}
    where source_system = 'shop' and source_table = 'accounts'
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
    where visitor_id is not null and customer_id is not null
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
            and {{ add_seconds('s.ended_at', session_gap_seconds()) }} > o.ordered_at
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
        coalesce(a.customer_id, b.customer_id) as own_customer_id
    from sessions as s
    left join accounts as a on s.account_id = a.account_id
    left join buyers as b on s.session_id = b.session_id
),

neighbours as (
    select
        *,
        min(case when own_identification is not null then session_number end) over (
            partition by visitor_id
            order by session_number
            rows between current row and unbounded following
        ) as next_identified,
        max(case when own_identification is not null then session_number end) over (
            partition by visitor_id
            order by session_number
            rows between unbounded preceding and current row
        ) as previous_identified
    from own
),

final as (
    select
        n.session_id,
        n.visitor_id,
        n.session_number,
        i.own_customer_id as customer_id,
        coalesce(
            n.own_identification,
            case
                when i.session_id is null then null
                when n.next_identified is not null then 'next_session'
                else 'previous_session'
            end
        ) as identified_by,
        n.started_at,
        n.ended_at,
        n.event_count,
        n.page_view_count,
        n.product_view_count,
        n.cart_count,
        n.checkout_count,
        n.order_placed_count,
        n.key_event_count,
        n.channel,
        n.source,
        n.medium,
        n.campaign
    from neighbours as n
    left join own as i
        on
            n.visitor_id = i.visitor_id
            and coalesce(n.next_identified, n.previous_identified) = i.session_number
            and i.own_identification is not null
)

select * from final
