-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
{% call increment_by('account_id') %}
select account_id from {{ new_records_of('shop', 'accounts') }} as added

union all

select account_id from {{ source('shop', 'accounts') }} as dated where {{ may_have_crossed('registered_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('shop', 'accounts') }}
    where {{ is_within('account_id') }}
),

newest as (
    {{ newest_version('delivered', ['account_id'], has_updated_at=true) }}
)

select
    account_id,
    registered_at,
    registration_channel,
    email,
    phone,
    first_name,
    last_name,
    birth_date,
    gender,
    city,
    region,
    postal_code,
    country,
    loyalty_card,
    referred_by_account_id,
    updated_at
from newest
where {{ not_after_as_of('registered_at') }}
