-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
{% call increment_by('review_id') %}
select review_id from {{ new_records_of('shop', 'reviews') }} as added

union all

select review_id from {{ source('shop', 'reviews') }} as dated where {{ may_have_crossed('reviewed_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('shop', 'reviews') }}
    where {{ is_within('review_id') }}
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
