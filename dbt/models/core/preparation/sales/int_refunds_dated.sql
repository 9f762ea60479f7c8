-- What was given back of each sale, and on which day: a prediction tested on a past day must not
-- know the refunds that came after it. A sale refunded by its status alone has no day and no row.
with

refunds as (
    select * from {{ ref('int_refunds_routed') }}
),

allocated as (
    select
        refund_id,
        order_id,
        cast(sum(allocated_cents) as bigint) as refunded_cents
    from {{ ref('int_refunds_allocated') }}
    group by refund_id, order_id
),

named as (
    select
        order_id,
        refunded_at,
        order_cents as refunded_cents
    from refunds
    where route = 'order'

    union all

    select
        allocated.order_id,
        refunds.refunded_at,
        allocated.refunded_cents
    from allocated
    inner join refunds
        on allocated.refund_id = refunds.refund_id
),

final as (
    select
        order_id,
        {{ business_date('refunded_at') }} as refunded_date,
        cast(sum(refunded_cents) as bigint) as refunded_cents
    from named
    where refunded_cents <> 0
    group by order_id, {{ business_date('refunded_at') }}
)

select * from final
