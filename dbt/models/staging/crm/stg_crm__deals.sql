-- Written by make contracts: change dagster_project/contracts/crm.yml instead.
{% call increment_by('deal_id') %}
select deal_id from {{ new_records_of('crm', 'deals') }} as added

union all

select deal_id from {{ source('crm', 'deals') }} as dated where {{ may_have_crossed('created_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('crm', 'deals') }}
    where {{ is_within('deal_id') }}
),

newest as (
    {{ newest_version('delivered', ['deal_id'], has_updated_at=true) }}
)

select
    deal_id,
    contact_id,
    pipeline,
    stage,
    amount,
    currency,
    owner_id,
    created_at,
    closed_at,
    is_won,
    campaign_id,
    updated_at
from newest
where {{ not_after_as_of('created_at') }}
