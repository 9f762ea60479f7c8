-- Written by make contracts: change dagster_project/contracts/call_center.yml instead.
with

delivered as (
    select * from {{ source('call_center', 'tickets') }}
),

newest as (
    {{ newest_version('delivered', ['ticket_id']) }}
)

select
    ticket_id,
    contact_id,
    account_id,
    email,
    phone,
    channel,
    subject,
    reason,
    status,
    created_at,
    first_replied_at,
    resolved_at,
    reopened_count,
    agent_id,
    csat_score
from newest
where {{ not_after_as_of('created_at') }}
