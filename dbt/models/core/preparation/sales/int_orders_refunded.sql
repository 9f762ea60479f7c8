-- What refunds that name the order, or its status, give back of each sale. An order whose status
-- says that it was refunded, while no refund was delivered for it, was refunded in full.
{{ keeps_changes() }}
with

orders as (
    select * from {{ ref('int_orders_valued') }}
    where is_sale
),

refunds as (
    select
        order_id,
        cast(sum(order_cents) as bigint) as refunded_cents
    from {{ ref('int_refunds_routed') }}
    where route = 'order'
    group by order_id
),

final as (
    select
        orders.order_id,
        coalesce(
            refunds.refunded_cents, {{ to_cents('orders.total_amount') }}
        ) as refunded_cents,
        refunds.order_id is null as is_refund_implied
    from orders
    left join refunds
        on orders.order_id = refunds.order_id
    where
        refunds.order_id is not null
        or orders.status = 'refunded'
)

select * from final
