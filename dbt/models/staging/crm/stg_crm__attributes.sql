-- Written by make contracts: change dagster_project/contracts/crm.yml instead.
{{ keeps_changes() }}
with

delivered as (
    select * from {{ source('crm', 'attributes') }}
),

newest as (
    {{ newest_version('delivered', ['contact_id', 'account_id', 'name'], has_updated_at=true) }}
)

select
    contact_id,
    account_id,
    name,
    value,
    updated_at
from newest
