-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
{% call increment_by('transaction_id') %}
select transaction_id from {{ new_records_of('shop', 'loyalty_transactions') }} as added

union all

select transaction_id from {{ source('shop', 'loyalty_transactions') }} as dated where {{ may_have_crossed('occurred_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('shop', 'loyalty_transactions') }}
    where {{ is_within('transaction_id') }}
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
