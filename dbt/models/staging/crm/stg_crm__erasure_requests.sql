-- Written by make contracts: change dagster_project/contracts/crm.yml instead.
with

delivered as (
    select * from {{ source('crm', 'erasure_requests') }}
),

newest as (
    {{ newest_version('delivered', ['request_id']) }}
)

select
    request_id,
    contact_id,
    account_id,
    email,
    phone,
    requested_at
from newest
where {{ not_after_as_of('requested_at') }}
