-- Lines after refunds: what is left of their share of the amount charged, of its part without tax
-- and shipping, and of the goods. Shares are differences between rounded running totals, so that
-- the lines of an order add up to the order to the cent.
{% call increment_by('order_id') %}
select order_id from {{ changes_of('int_order_lines_valued') }} as lines

union all

select order_id from {{ changes_of('int_order_lines_returned') }} as returned

union all

select order_id from {{ changes_of('int_refunds_allocated') }} as allocated
{% endcall %}
with

lines as (
    select * from {{ ref('int_order_lines_valued') }}
    where {{ is_within('order_id') }}
),

returned as (
    select * from {{ ref('int_order_lines_returned') }}
),

allocated as (
    select
        order_id,
        line_number,
        cast(sum(allocated_cents) as bigint) as refunded_cents,
        cast(sum(units) as bigint) as units
    from {{ ref('int_refunds_allocated') }}
    group by order_id, line_number
),

kept as (
    select
        lines.*,
        coalesce(returned.refunded_cents, 0) + coalesce(allocated.refunded_cents, 0)
            as refunded_cents,
        {{ to_units('lines.quantity') }}
        - coalesce(returned.returned_units, 0)
        - coalesce(allocated.units, 0) as kept_units,
        coalesce(returned.returned_units, 0) + coalesce(allocated.units, 0) as returned_units
    from lines
    left join returned
        on
            lines.order_id = returned.order_id
            and lines.line_number = returned.line_number
    left join allocated
        on
            lines.order_id = allocated.order_id
            and lines.line_number = allocated.line_number
),

running as (
    select
        *,
        cast(
            sum(gross_cents - refunded_cents) over (
                partition by order_id
                order by line_number
                rows between unbounded preceding and current row
            ) as bigint
        ) as left_so_far
    from kept
),

netted as (
    select
        *,
        case
            when total_cents = 0 then 0
            when goods_cents = total_cents then gross_cents - refunded_cents
            else
                {{ pro_rata('goods_cents', 'left_so_far', 'total_cents') }}
                - {{ pro_rata(
                    'goods_cents',
                    '(left_so_far - (gross_cents - refunded_cents))',
                    'total_cents'
                ) }}
        end as net_cents
    from running
),

costed as (
    select
        *,
        case
            when not is_sale or kept_units = 0 then cast(0 as decimal(18, 2))
            when unit_cost is null and is_service then cast(0 as decimal(18, 2))
            else
                {{ line_amount(from_units('kept_units'), 'unit_cost') }}
        end as kept_cost
    from netted
),

final as (
    select
        order_id,
        line_number,
        customer_id,
        product_id,
        category,
        is_service,
        is_gift_card,
        ordered_at,
        order_date,
        is_order_known,
        is_sale,
        quantity,
        {{ from_units('returned_units') }} as returned_quantity,
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
    from costed
)

select * from final
