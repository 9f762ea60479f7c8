-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
{% call increment_by('refund_id') %}
select refund_id from {{ new_records_of('shop', 'refunds') }} as added

union all

select refund_id from {{ source('shop', 'refunds') }} as dated where {{ may_have_crossed('refunded_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('shop', 'refunds') }}
    where {{ is_within('refund_id') }}
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
