-- Written by make contracts: change dagster_project/contracts/crm.yml instead.
with

delivered as (
    select * from {{ source('crm', 'deals') }}
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
