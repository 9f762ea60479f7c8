-- Written by make contracts: change dagster_project/contracts/crm.yml instead.
with

delivered as (
    select * from {{ source('crm', 'surveys') }}
),

newest as (
    {{ newest_version('delivered', ['survey_id']) }}
)

select
    survey_id,
    kind,
    score,
    reason,
    comment,
    answered_at,
    contact_id,
    email,
    phone,
    order_id,
    call_id
from newest
where {{ not_after_as_of('answered_at') }}
