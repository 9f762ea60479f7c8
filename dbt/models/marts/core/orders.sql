with

orders as (
    select * from {{ ref('int_orders_netted') }}
),

final as (
    select
        order_id,
        customer_id,
        visitor_id,
        ordered_at,
        order_date,
        status,
        is_sale,
        sales_channel,
        store_id,
        coupon_code,
        city,
        country,
        currency,
        total_amount as order_total,
        case when is_sale then total_amount else cast(0 as decimal(18, 2)) end as gross_revenue,
        case when is_sale then discount_amount else cast(0 as decimal(18, 2)) end
            as discount_amount,
        case when is_sale then shipping_amount else cast(0 as decimal(18, 2)) end
            as shipping_amount,
        case when is_sale then tax_amount else cast(0 as decimal(18, 2)) end as tax_amount,
        {{ from_cents('refunded_cents') }} as refunded_amount,
        is_refund_implied,
        net_revenue,
        gross_margin,
        line_count,
        order_number,
        order_number = 1 as is_first_order
    from orders
)

select * from final
