-- Refunds that name no order, given to the lines that they undo: lines of the same person and
-- product that were ordered no later, latest first, in the order of (refunded_at, refund_id).
--
-- Taking back the latest line first is a stack: a line puts its units on top, a refund takes units
-- off the top. So every unit has a height, a refund meets at each height the line that was put
-- there last, and a window over the heights answers for all refunds at once.
{{ keeps_changes() }}
with

lines as (
    select
        lines.customer_id,
        lines.product_id,
        lines.ordered_at,
        lines.order_id,
        lines.line_number,
        lines.rate,
        {{ to_units('lines.quantity') }} - coalesce(returned.returned_units, 0) as units
    from {{ ref('int_order_lines_valued') }} as lines
    left join {{ ref('int_order_lines_returned') }} as returned
        on
            lines.order_id = returned.order_id
            and lines.line_number = returned.line_number
    where
        lines.is_sale
        and not lines.is_gift_card
        and lines.customer_id is not null
),

refunds as (
    select * from {{ ref('int_refunds_routed') }}
    where route = 'lines'
),

refunded_products as (
    select distinct
        customer_id,
        product_id
    from refunds
),

events as (
    select
        lines.customer_id,
        lines.product_id,
        lines.ordered_at as event_at,
        0 as is_refund,
        lines.order_id as event_id,
        lines.line_number,
        lines.units
    from lines
    inner join refunded_products
        on
            lines.customer_id = refunded_products.customer_id
            and lines.product_id = refunded_products.product_id
    where lines.units > 0

    union all

    select
        customer_id,
        product_id,
        refunded_at as event_at,
        1 as is_refund,
        refund_id as event_id,
        cast(0 as bigint) as line_number,
        -units as units
    from refunds
),

numbered as (
    select
        *,
        row_number() over (
            partition by customer_id, product_id
            order by event_at, is_refund, event_id, line_number
        ) as event_number
    from events
),

summed as (
    select
        *,
        cast(
            sum(units) over (
                partition by customer_id, product_id
                order by event_number
                rows between unbounded preceding and current row
            ) as bigint
        ) as units_so_far
    from numbered
),

-- A refund of more units than are there empties the stack: the running total is lifted by the
-- lowest point that it has reached.
lifted as (
    select
        *,
        units_so_far - least(
            min(units_so_far) over (
                partition by customer_id, product_id
                order by event_number
                rows between unbounded preceding and current row
            ),
            0
        ) as height
    from summed
),

stacked as (
    select
        *,
        coalesce(
            lag(height) over (
                partition by customer_id, product_id
                order by event_number
            ),
            0
        ) as height_before
    from lifted
),

layers as (
    select
        customer_id,
        product_id,
        event_number,
        is_refund,
        event_id,
        line_number,
        least(height, height_before) as bottom,
        greatest(height, height_before) as top
    from stacked
    where height <> height_before
),

edges as (
    select
        customer_id,
        product_id,
        bottom as edge
    from layers

    union

    select
        customer_id,
        product_id,
        top as edge
    from layers
),

slices as (
    select
        customer_id,
        product_id,
        edge as bottom,
        lead(edge) over (
            partition by customer_id, product_id
            order by edge
        ) as top
    from edges
),

sliced as (
    select
        layers.customer_id,
        layers.product_id,
        layers.event_number,
        layers.is_refund,
        layers.event_id,
        slices.bottom,
        slices.top - slices.bottom as units,
        lag(layers.event_id) over (
            partition by layers.customer_id, layers.product_id, slices.bottom
            order by layers.event_number
        ) as order_id,
        lag(layers.line_number) over (
            partition by layers.customer_id, layers.product_id, slices.bottom
            order by layers.event_number
        ) as line_number,
        lag(layers.event_number) over (
            partition by layers.customer_id, layers.product_id, slices.bottom
            order by layers.event_number
        ) as line_event_number
    from layers
    inner join slices
        on
            layers.customer_id = slices.customer_id
            and layers.product_id = slices.product_id
            and layers.bottom <= slices.bottom
            and layers.top >= slices.top
),

pieces as (
    select
        event_id as refund_id,
        order_id,
        line_number,
        line_event_number,
        cast(sum(units) as bigint) as units
    from sliced
    where is_refund = 1
    group by event_id, order_id, line_number, line_event_number
),

running as (
    select
        pieces.refund_id,
        pieces.order_id,
        pieces.line_number,
        pieces.units,
        refunds.delivered_cents,
        refunds.units as refund_units,
        cast(
            sum(pieces.units) over (
                partition by pieces.refund_id
                order by pieces.line_event_number desc
                rows between unbounded preceding and current row
            ) as bigint
        ) as units_so_far
    from pieces
    inner join refunds
        on pieces.refund_id = refunds.refund_id
),

shared as (
    select
        refund_id,
        order_id,
        line_number,
        units,
        {{ pro_rata('delivered_cents', 'units_so_far', 'refund_units') }}
        - {{ pro_rata('delivered_cents', '(units_so_far - units)', 'refund_units') }}
            as delivered_cents
    from running
),

final as (
    select
        shared.refund_id,
        shared.order_id,
        shared.line_number,
        shared.units,
        shared.delivered_cents,
        {{ to_cents(convert_money(from_cents('shared.delivered_cents'), 'lines.rate')) }}
            as allocated_cents
    from shared
    inner join lines
        on
            shared.order_id = lines.order_id
            and shared.line_number = lines.line_number
)

select * from final
