with

lines as (
    select * from {{ ref('int_order_lines_netted') }}
),

final as (
    select
        order_id,
        line_number,
        customer_id,
        product_id,
        category,
        is_service,
        ordered_at,
        order_date,
        is_order_known,
        is_sale,
        quantity,
        returned_quantity,
        case
            when rate = 1 then unit_price
            else
                cast(
                    cast(unit_price as decimal(28, 6)) * cast(rate as decimal(28, 9))
                    as decimal(18, 6)
                )
        end as unit_price,
        {{ convert_money('discount_amount', 'rate') }} as discount_amount,
        {{ convert_money('line_amount', 'rate') }} as line_amount,
        {{ from_cents('gross_cents') }} as gross_revenue,
        {{ from_cents('refunded_cents') }} as refunded_amount,
        {{ from_cents('net_cents') }} as net_revenue,
        cast({{ from_cents('net_cents') }} - kept_cost as decimal(18, 2)) as gross_margin
    from lines
)

select * from final
