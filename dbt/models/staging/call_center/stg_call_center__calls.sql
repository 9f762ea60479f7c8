-- Written by make contracts: change dagster_project/contracts/call_center.yml instead.
{% call increment_by('call_id') %}
select call_id from {{ new_records_of('call_center', 'calls') }} as added

union all

select call_id from {{ source('call_center', 'calls') }} as dated where {{ may_have_crossed('started_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('call_center', 'calls') }}
    where {{ is_within('call_id') }}
),

newest as (
    {{ newest_version('delivered', ['call_id']) }}
)

select
    call_id,
    direction,
    customer_phone,
    contact_id,
    started_at,
    answered_at,
    ended_at,
    wait_seconds,
    talk_seconds,
    hold_seconds,
    wrap_up_seconds,
    queue,
    agent_id,
    disposition,
    reason,
    is_resolved,
    campaign_id,
    transcript
from newest
where {{ not_after_as_of('started_at') }}
