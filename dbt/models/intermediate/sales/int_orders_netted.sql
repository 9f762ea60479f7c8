-- Orders after refunds. Only sales have money: other orders keep order_total, and 0 elsewhere.
with

orders as (
    select * from {{ ref('int_orders_valued') }}
),

refunded as (
    select * from {{ ref('int_orders_refunded') }}
),

allocated as (
    select
        order_id,
        cast(sum(allocated_cents) as bigint) as refunded_cents
    from {{ ref('int_refunds_allocated') }}
    group by order_id
),

-- Goods without a known cost make the margin unknown; so does an order without lines.
lines as (
    select
        order_id,
        count(*) as line_count,
        count(kept_cost) as costed_line_count,
        sum(kept_cost) as kept_cost
    from {{ ref('int_order_lines_netted') }}
    group by order_id
),

joined as (
    select
        orders.*,
        {{ to_cents('orders.total_amount') }} as total_cents,
        {{ to_cents('orders.total_amount - orders.tax_amount - orders.shipping_amount') }}
            as goods_cents,
        coalesce(refunded.refunded_cents, 0) + coalesce(allocated.refunded_cents, 0)
            as refunded_cents,
        coalesce(refunded.is_refund_implied, false) as is_refund_implied,
        coalesce(lines.line_count, 0) as line_count,
        case when lines.line_count = lines.costed_line_count then lines.kept_cost end as kept_cost
    from orders
    left join refunded
        on orders.order_id = refunded.order_id
    left join allocated
        on orders.order_id = allocated.order_id
    left join lines
        on orders.order_id = lines.order_id
),

netted as (
    select
        *,
        case
            when not is_sale or total_cents = 0 then 0
            when refunded_cents = 0 or total_cents < 0 then goods_cents
            else {{ pro_rata('goods_cents', '(total_cents - refunded_cents)', 'total_cents') }}
        end as net_cents
    from joined
),

numbered as (
    select
        order_id,
        row_number() over (
            partition by customer_id
            order by ordered_at, order_id
        ) as order_number,
        lag(order_date) over (
            partition by customer_id
            order by ordered_at, order_id
        ) as previous_order_date
    from netted
    where
        is_sale
        and customer_id is not null
),

final as (
    select
        netted.*,
        {{ from_cents('netted.net_cents') }} as net_revenue,
        case
            when netted.is_sale
                then cast({{ from_cents('netted.net_cents') }} - netted.kept_cost as decimal(18, 2))
            else cast(0 as decimal(18, 2))
        end as gross_margin,
        numbered.order_number,
        {{ date_diff_days('numbered.previous_order_date', 'netted.order_date') }}
            as days_since_previous_order
    from netted
    left join numbered
        on netted.order_id = numbered.order_id
)

select * from final
