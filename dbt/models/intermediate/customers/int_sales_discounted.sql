-- What each sale was discounted by. Shops write a discount on the order, on its lines or with the
-- coupon; a coupon's own amount counts where the order says nothing, as it is the same money.
with

redeemed as (
    select
        order_id,
        {{ arg_min('coupon_code', 'place') }} as coupon_code,
        sum(discount_amount) as discount_amount
    from (
        select
            order_id,
            coupon_code,
            discount_amount,
            row_number() over (partition by order_id order by redeemed_at, redemption_id) as place
        from {{ ref('stg_shop__coupon_redemptions') }}
        where order_id is not null
    ) as numbered
    group by order_id
),

lines as (
    select
        order_id,
        sum(discount_amount) as discount_amount
    from {{ ref('order_lines') }}
    where is_sale and discount_amount <> 0
    group by order_id
),

rates as (
    select
        order_id,
        rate
    from {{ ref('int_orders_valued') }}
),

sales as (
    select
        o.order_id,
        o.customer_id,
        o.ordered_at,
        o.order_date,
        o.order_number,
        o.net_revenue,
        o.gross_margin,
        upper(coalesce(nullif(trim(o.coupon_code), ''), nullif(trim(r.coupon_code), '')))
            as coupon_code,
        {{ to_cents('o.net_revenue') }} as net_cents,
        {{ to_cents('o.gross_revenue - o.shipping_amount') }} as charged_cents,
        {{ to_cents(
            'case'
            ~ ' when o.discount_amount + coalesce(l.discount_amount, 0) > 0'
            ~ ' then o.discount_amount + coalesce(l.discount_amount, 0)'
            ~ ' when r.discount_amount > 0 then ' ~ convert_money('r.discount_amount', 'v.rate')
            ~ ' else 0 end'
        ) }} as discount_cents
    from {{ ref('orders') }} as o
    left join redeemed as r on o.order_id = r.order_id
    left join lines as l on o.order_id = l.order_id
    left join rates as v on o.order_id = v.order_id
    where o.is_sale
),

final as (
    select
        order_id,
        customer_id,
        ordered_at,
        order_date,
        order_number,
        net_revenue,
        gross_margin,
        coupon_code,
        discount_cents > 0 or coupon_code is not null as is_discounted,
        {{ from_cents('discount_cents') }} as discount_amount,
        {{ from_cents(
            'case'
            ~ ' when discount_cents = 0 then 0'
            ~ ' when charged_cents <= 0 then discount_cents'
            ~ ' else ' ~ pro_rata('discount_cents', 'greatest(net_cents, 0)', 'charged_cents')
            ~ ' end'
        ) }} as margin_given_away
    from sales
)

select * from final
