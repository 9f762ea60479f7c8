with

refunds as (
    select * from {{ ref('int_refunds_routed') }}
),

allocated as (
    select
        refund_id,
        cast(sum(delivered_cents) as bigint) as delivered_cents
    from {{ ref('int_refunds_allocated') }}
    group by refund_id
),

valued as (
    select
        refunds.*,
        case refunds.route
            when 'order' then refunds.amount_cents - refunds.order_cents
            when 'none' then refunds.amount_cents
            else
                {{ to_cents(convert_money(
                    from_cents(
                        '(refunds.delivered_cents - coalesce(allocated.delivered_cents, 0))'
                    ),
                    'refunds.rate'
                )) }}
        end as unallocated_cents
    from refunds
    left join allocated
        on refunds.refund_id = allocated.refund_id
),

final as (
    select
        refund_id,
        order_id,
        customer_id,
        product_id,
        refunded_at,
        {{ business_date('refunded_at') }} as refund_date,
        reason,
        case
            when route = 'order' and unallocated_cents = gift_card_cents then 'gift_card'
            when route = 'order' then 'more_than_charged'
            when route = 'lines' then 'no_purchase_left'
            else obstacle
        end as obstacle,
        {{ from_cents('amount_cents') }} as refund_amount,
        {{ from_cents('unallocated_cents') }} as amount
    from valued
    where unallocated_cents <> 0
)

select * from final
