-- What refunds that name an order take off its lines. A refund that names a product goes to the
-- lines of that product first, up to what was charged for them; the rest of it, and refunds that
-- name no product, are shared among the lines in proportion to what is left of them. Goods come
-- back where a quantity is named, or where nothing is left of the line's amount; all of them, also
-- those that cost nothing, of an order that is refunded by its status.
{{ keeps_changes() }}
with

lines as (
    select * from {{ ref('int_order_lines_valued') }}
    where is_sale
),

refunds as (
    select * from {{ ref('int_refunds_routed') }}
    where route = 'order'
),

order_refunds as (
    select * from {{ ref('int_orders_refunded') }}
),

product_refunds as (
    select
        order_id,
        product_id,
        cast(sum(order_cents) as bigint) as refunded_cents,
        cast(sum(coalesce(units, 0)) as bigint) as units
    from refunds
    where product_id is not null
    group by order_id, product_id
),

affected as (
    select
        lines.order_id,
        lines.line_number,
        lines.gross_cents,
        greatest(lines.gross_cents, 0) as refundable_cents,
        {{ to_units('lines.quantity') }} as units,
        order_refunds.refunded_cents as order_refunded_cents,
        coalesce(order_refunds.is_refund_implied, false) as is_refund_implied,
        coalesce(product_refunds.refunded_cents, 0) as product_refunded_cents,
        coalesce(product_refunds.units, 0) as product_units,
        lines.product_id
    from lines
    inner join order_refunds
        on lines.order_id = order_refunds.order_id
    left join product_refunds
        on
            lines.order_id = product_refunds.order_id
            and lines.product_id = product_refunds.product_id
),

filled as (
    select
        *,
        cast(
            sum(refundable_cents) over (
                partition by order_id, product_id
                order by line_number
                rows between unbounded preceding and current row
            ) as bigint
        ) as refundable_so_far,
        cast(
            sum(greatest(units, 0)) over (
                partition by order_id, product_id
                order by line_number
                rows between unbounded preceding and current row
            ) as bigint
        ) as units_so_far
    from affected
),

named as (
    select
        *,
        greatest(
            least(refundable_so_far, product_refunded_cents)
            - least(refundable_so_far - refundable_cents, product_refunded_cents),
            0
        ) as named_cents,
        least(units_so_far, product_units)
        - least(units_so_far - greatest(units, 0), product_units) as named_units
    from filled
),

remaining as (
    select
        *,
        cast(
            order_refunded_cents - sum(named_cents) over (partition by order_id) as bigint
        ) as unnamed_cents,
        cast(
            sum(gross_cents - named_cents) over (partition by order_id) as bigint
        ) as order_left_cents,
        cast(
            sum(gross_cents - named_cents) over (
                partition by order_id
                order by line_number
                rows between unbounded preceding and current row
            ) as bigint
        ) as left_so_far
    from named
),

shared as (
    select
        order_id,
        line_number,
        gross_cents,
        units,
        is_refund_implied,
        named_units,
        named_cents
        + case
            when order_left_cents > 0
                then
                    {{ pro_rata('unnamed_cents', 'left_so_far', 'order_left_cents') }}
                    - {{ pro_rata(
                        'unnamed_cents',
                        '(left_so_far - (gross_cents - named_cents))',
                        'order_left_cents'
                    ) }}
            else 0
        end as refunded_cents
    from remaining
),

final as (
    select
        order_id,
        line_number,
        refunded_cents,
        case
            when is_refund_implied or (gross_cents > 0 and refunded_cents >= gross_cents)
                then greatest(units, 0)
            else named_units
        end as returned_units
    from shared
)

select * from final
