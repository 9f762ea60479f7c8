-- Written by make contracts: change dagster_project/contracts/call_center.yml instead.
with

delivered as (
    select * from {{ source('call_center', 'agents') }}
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
