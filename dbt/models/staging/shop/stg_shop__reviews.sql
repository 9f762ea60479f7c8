-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
with

delivered as (
    select * from {{ source('shop', 'reviews') }}
),

newest as (
    {{ newest_version('delivered', ['review_id']) }}
)

select
    review_id,
    account_id,
    order_id,
    product_id,
    rating,
    body,
    reviewed_at
from newest
where {{ not_after_as_of('reviewed_at') }}
