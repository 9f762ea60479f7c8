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

-- Whose a session is by itself, and then by its neighbours; its other columns join at the end, as
-- sorting them too takes twice as long.
own as (
    select
        s.session_id,
        s.visitor_id,
        s.session_number,
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
        session_id,
        visitor_id,
        own_identification,
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

owners as (
    select
        n.session_id,
        i.own_customer_id as customer_id,
        coalesce(
            n.own_identification,
            case
                when i.session_id is null then null
                when n.next_identified is not null then 'next_session'
                else 'previous_session'
            end
        ) as identified_by
    from neighbours as n
    left join own as i
        on
            n.visitor_id = i.visitor_id
            and coalesce(n.next_identified, n.previous_identified) = i.session_number
            and i.own_identification is not null
),

final as (
    select
        s.session_id,
        s.visitor_id,
        s.session_number,
        o.customer_id,
        o.identified_by,
        s.started_at,
        s.ended_at,
        s.event_count,
        s.page_view_count,
        s.product_view_count,
        s.cart_count,
        s.checkout_count,
        s.order_placed_count,
        s.key_event_count,
        s.channel,
        s.source,
        s.medium,
        s.campaign
    from sessions as s
    inner join owners as o on s.session_id = o.session_id
)

select * from final
