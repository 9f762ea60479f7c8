-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
{% call increment_by('product_id') %}
select product_id from {{ new_records_of('shop', 'products') }} as added
{% endcall %}
with

delivered as (
    select * from {{ source('shop', 'products') }}
    where {{ is_within('product_id') }}
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
