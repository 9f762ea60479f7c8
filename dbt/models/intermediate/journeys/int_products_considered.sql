-- What people looked at and put into the cart lately. Bots have no session here, and so no interest.
with

events as (
    select
        visitor_id,
        occurred_at,
        event_id,
        event_name,
        product_id
    from {{ ref('stg_shop__web_events') }}
    where
        event_name in ('product_view', 'add_to_cart')
        and occurred_at >= {{ end_of_as_of('-' ~ var('product_interest_days')) }}
),

final as (
    select
        e.event_id,
        e.event_name,
        e.occurred_at,
        e.product_id,
        s.customer_id,
        s.visitor_id
    from events as e
    inner join {{ ref('int_sessions_identified') }} as s
        on
            e.visitor_id = s.visitor_id
            and e.occurred_at >= s.started_at
            and e.occurred_at <= s.ended_at
)

select * from final
