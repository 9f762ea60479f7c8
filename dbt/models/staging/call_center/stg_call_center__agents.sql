-- Written by make contracts: change dagster_project/contracts/call_center.yml instead.
{% call increment_by('agent_id') %}
select agent_id from {{ new_records_of('call_center', 'agents') }} as added
{% endcall %}
with

delivered as (
    select * from {{ source('call_center', 'agents') }}
    where {{ is_within('agent_id') }}
),

newest as (
    {{ newest_version('delivered', ['agent_id']) }}
)

select
    agent_id,
    name,
    team,
    hired_on
from newest
