-- Orders after refunds. Only sales have money: other orders keep order_total, and 0 elsewhere.
{%- set buyer = 'coalesce(o.customer_id, o.order_id)' %}
{% call increment_by('coalesce(customer_id, order_id)') %}
select {{ buyer }} from {{ changes_of('int_orders_valued') }} as o

union all

select {{ buyer }}
from {{ ref('int_orders_valued') }} as o
inner join {{ changes_of('int_orders_refunded') }} as refunded on o.order_id = refunded.order_id

union all

select {{ buyer }}
from {{ ref('int_orders_valued') }} as o
inner join {{ changes_of('int_refunds_allocated') }} as allocated on o.order_id = allocated.order_id

union all

select {{ buyer }}
from {{ ref('int_orders_valued') }} as o
inner join {{ changes_of('order_lines') }} as lines on o.order_id = lines.order_id
{% endcall %}
with

orders as (
    select * from {{ ref('int_orders_valued') }}
    where {{ is_within('coalesce(customer_id, order_id)') }}
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
        count(gross_margin) as costed_line_count,
        sum(net_revenue - gross_margin) as kept_cost
    from {{ ref('order_lines') }}
    where {{ is_among('order_id', 'select orders.order_id from orders') }}
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
            when refunded_cents = 0 then goods_cents
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
    from orders
    where
        is_sale
        and customer_id is not null
),

margined as (
    select
        *,
        {{ from_cents('net_cents') }} as net_revenue,
        case
            when is_sale then cast({{ from_cents('net_cents') }} - kept_cost as decimal(18, 2))
            else cast(0 as decimal(18, 2))
        end as gross_margin
    from netted
),

final as (
    select
        o.order_id,
        o.customer_id,
        o.visitor_id,
        o.ordered_at,
        o.order_date,
        cast(extract(hour from o.ordered_at_local) as integer) as order_hour,
        o.status,
        o.is_sale,
        o.no_sale_reason,
        o.sales_channel,
        o.store_id,
        o.coupon_code,
        o.city,
        o.country,
        o.currency,
        o.order_total,
        case when o.is_sale then o.total_amount else cast(0 as decimal(18, 2)) end as gross_revenue,
        case when o.is_sale then o.discount_amount else cast(0 as decimal(18, 2)) end
            as discount_amount,
        case when o.is_sale then o.shipping_amount else cast(0 as decimal(18, 2)) end
            as shipping_amount,
        case when o.is_sale then o.gift_card_amount else cast(0 as decimal(18, 2)) end
            as gift_card_amount,
        case when o.is_sale then o.tax_amount else cast(0 as decimal(18, 2)) end as tax_amount,
        {{ from_cents('o.refunded_cents') }} as refunded_amount,
        o.is_refund_implied,
        o.net_revenue,
        o.gross_margin,
        o.line_count,
        o.is_total_computed,
        o.is_incomplete,
        n.order_number,
        n.order_number = 1 as is_first_order,
        {{ date_diff_days('n.previous_order_date', 'o.order_date') }} as days_since_previous_order
    from margined as o
    left join numbered as n
        on o.order_id = n.order_id
)

select * from final
