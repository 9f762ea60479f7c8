-- Orders whose lines do not add up to them: a product report and an order report of the same month
-- would show different money.
with

orders as (
    select * from {{ ref('orders') }}
),

lines as (
    select
        order_id,
        sum(gross_revenue) as gross_revenue,
        sum(refunded_amount) as refunded_amount,
        sum(net_revenue) as net_revenue
    from {{ ref('order_lines') }}
    group by order_id
)

select orders.order_id
from orders
inner join lines
    on orders.order_id = lines.order_id
where
    orders.gross_revenue <> lines.gross_revenue
    or orders.refunded_amount <> lines.refunded_amount
    or orders.net_revenue <> lines.net_revenue
