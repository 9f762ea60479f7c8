-- Written by make contracts: change dagster_project/contracts/crm.yml instead.
{{ keeps_changes() }}
with

delivered as (
    select * from {{ source('crm', 'consents') }}
),

newest as (
    select distinct
        contact_id,
        email,
        phone,
        purpose,
        status,
        effective_at,
        source
    from delivered
)

select
    contact_id,
    email,
    phone,
    purpose,
    status,
    effective_at,
    source
from newest
where {{ not_after_as_of('effective_at') }}
