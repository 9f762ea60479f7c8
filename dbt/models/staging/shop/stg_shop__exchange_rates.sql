-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
{% call increment_by('rate_date') %}
select rate_date from {{ new_records_of('shop', 'exchange_rates') }} as added

union all

select rate_date from {{ source('shop', 'exchange_rates') }} as dated where {{ may_have_crossed('rate_date') }}
{% endcall %}
with

delivered as (
    select * from {{ source('shop', 'exchange_rates') }}
    where {{ is_within('rate_date') }}
),

newest as (
    {{ newest_version('delivered', ['rate_date', 'from_currency', 'to_currency']) }}
)

select
    rate_date,
    from_currency,
    to_currency,
    rate
from newest
where {{ date_not_after_as_of('rate_date') }}
