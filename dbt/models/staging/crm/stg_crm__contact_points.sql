-- Written by make contracts: change dagster_project/contracts/crm.yml instead.
with

delivered as (
    select * from {{ source('crm', 'contact_points') }}
),

newest as (
    {{ newest_version('delivered', ['contact_id', 'kind', 'value'], has_updated_at=true) }}
)

select
    contact_id,
    kind,
    value,
    label,
    is_primary,
    updated_at
from newest
