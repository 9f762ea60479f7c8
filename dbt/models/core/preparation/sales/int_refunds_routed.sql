-- Every refund with the way it takes: to the order that it names, to lines of the same person and
-- product, or nowhere (and then why). An order gives back no more than was charged for it: what is
-- refunded beyond that, in the order of the refunds, is left over. A gift card that is given back
-- was no revenue: of an order with gift cards, a refund that names no product undoes them and the
-- goods in proportion.
{%- set references = {'account': 'refunds.account_id', 'order': 'refunds.order_id'} %}
with

refunds as (
    select * from {{ ref('stg_shop__refunds') }}
),

orders as (
    select * from {{ ref('int_orders_valued') }}
),

owned as (
    select
        refunds.*,
        {{ owner_by(references) }} as customer_id
    from refunds
    {{ join_owners(references) }}
),

gift_cards as (
    select distinct
        order_id,
        product_id
    from {{ ref('stg_shop__order_lines') }}
    where kind = 'gift_card'
),

-- Refunds carry no currency: one that names an order is in the order's. Another is in that of the
-- lines that it undoes; what finds no line is valued at the rate of the person's newest order, or
-- of the shop's.
ranked_rates as (
    select
        customer_id,
        rate,
        row_number() over (
            partition by customer_id
            order by ordered_at desc, order_id desc
        ) as person_rank,
        row_number() over (
            order by ordered_at desc, order_id desc
        ) as shop_rank
    from orders
),

person_rates as (
    select
        customer_id,
        rate
    from ranked_rates
    where
        person_rank = 1
        and customer_id is not null
),

routed as (
    select
        refunds.refund_id,
        refunds.order_id,
        refunds.product_id,
        refunds.refunded_at,
        refunds.reason,
        refunds.amount,
        {{ to_units('abs(refunds.quantity)') }} as units,
        refunds.customer_id,
        coalesce(orders.rate, person_rates.rate, ranked_rates.rate, 1) as rate,
        greatest({{ to_cents('orders.total_amount') }}, 0) as order_total_cents,
        case
            when refunds.product_id is null and orders.total_amount >= 0
                then {{ to_cents('orders.gift_card_amount') }}
            else 0
        end as gift_card_cents,
        case
            when refunds.order_id is not null and orders.order_id is null then 'unknown_order'
            when refunds.order_id is not null and not orders.is_sale then 'order_is_no_sale'
            when refunds.order_id is not null and gift_cards.order_id is not null then 'gift_card'
            when refunds.order_id is not null then null
            when refunds.customer_id is null then 'unknown_buyer'
            when refunds.product_id is null then 'no_product'
            when coalesce(refunds.quantity, 0) = 0 then 'no_quantity'
        end as obstacle
    from owned as refunds
    left join orders
        on refunds.order_id = orders.order_id
    left join gift_cards
        on
            refunds.order_id = gift_cards.order_id
            and refunds.product_id = gift_cards.product_id
    left join person_rates
        on refunds.customer_id = person_rates.customer_id
    left join ranked_rates
        on ranked_rates.shop_rank = 1
),

valued as (
    select
        *,
        case
            when obstacle is not null then 'none'
            when order_id is not null then 'order'
            else 'lines'
        end as route,
        {{ to_cents('amount') }} as delivered_cents,
        {{ to_cents(convert_money('amount', 'rate')) }} as amount_cents
    from routed
),

goods as (
    select
        *,
        case
            when gift_card_cents = 0 then amount_cents
            else
                {{ pro_rata(
                    'amount_cents', 'order_total_cents', '(order_total_cents + gift_card_cents)'
                ) }}
        end as goods_cents
    from valued
),

running as (
    select
        *,
        case
            when route = 'order'
                then cast(
                    sum(goods_cents) over (
                        partition by route, order_id
                        order by refunded_at, refund_id
                        rows between unbounded preceding and current row
                    ) as bigint
                )
        end as refunded_so_far
    from goods
),

final as (
    select
        refund_id,
        order_id,
        product_id,
        customer_id,
        refunded_at,
        reason,
        units,
        route,
        obstacle,
        rate,
        delivered_cents,
        amount_cents,
        amount_cents - goods_cents as gift_card_cents,
        case
            when route = 'order'
                then
                    greatest(least(refunded_so_far, order_total_cents), 0)
                    - greatest(least(refunded_so_far - goods_cents, order_total_cents), 0)
            else 0
        end as order_cents
    from running
)

select * from final
