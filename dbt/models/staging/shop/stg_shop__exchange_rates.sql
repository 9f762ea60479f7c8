-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
with

delivered as (
    select * from {{ source('shop', 'exchange_rates') }}
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
