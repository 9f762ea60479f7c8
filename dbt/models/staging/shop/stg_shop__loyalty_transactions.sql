-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
with

delivered as (
    select * from {{ source('shop', 'loyalty_transactions') }}
),

newest as (
    {{ newest_version('delivered', ['transaction_id']) }}
)

select
    transaction_id,
    account_id,
    loyalty_card,
    kind,
    points,
    order_id,
    occurred_at
from newest
where {{ not_after_as_of('occurred_at') }}
