-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
{% call increment_by('order_id') %}
select order_id from {{ new_records_of('shop', 'orders') }} as added

union all

select order_id from {{ source('shop', 'orders') }} as dated where {{ may_have_crossed('ordered_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('shop', 'orders') }}
    where {{ is_within('order_id') }}
),

newest as (
    {{ newest_version('delivered', ['order_id'], has_updated_at=true) }}
)

select
    order_id,
    account_id,
    email,
    phone,
    visitor_id,
    loyalty_card,
    ordered_at,
    status,
    currency,
    total_amount,
    discount_amount,
    shipping_amount,
    tax_amount,
    coupon_code,
    sales_channel,
    store_id,
    city,
    country,
    updated_at
from newest
where {{ not_after_as_of('ordered_at') }}
