-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
with

delivered as (
    select * from {{ source('shop', 'products') }}
),

newest as (
    {{ newest_version('delivered', ['product_id'], has_updated_at=true) }}
)

select
    product_id,
    name,
    category,
    brand,
    is_service,
    unit_cost,
    list_price,
    stock_on_hand,
    launched_at,
    discontinued_at,
    updated_at
from newest
