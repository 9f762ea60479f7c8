-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
with

delivered as (
    select * from {{ source('shop', 'refunds') }}
),

newest as (
    {{ newest_version('delivered', ['refund_id']) }}
)

select
    refund_id,
    order_id,
    refunded_at,
    amount,
    product_id,
    quantity,
    reason,
    account_id
from newest
where {{ not_after_as_of('refunded_at') }}
