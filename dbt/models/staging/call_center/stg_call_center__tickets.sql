-- Written by make contracts: change dagster_project/contracts/call_center.yml instead.
{% call increment_by('ticket_id') %}
select ticket_id from {{ new_records_of('call_center', 'tickets') }} as added

union all

select ticket_id from {{ source('call_center', 'tickets') }} as dated where {{ may_have_crossed('created_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('call_center', 'tickets') }}
    where {{ is_within('ticket_id') }}
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
