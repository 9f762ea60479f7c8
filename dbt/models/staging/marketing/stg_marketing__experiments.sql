-- Written by make contracts: change dagster_project/contracts/marketing.yml instead.
with

delivered as (
    select * from {{ source('marketing', 'experiments') }}
),

newest as (
    {{ newest_version('delivered', ['experiment_id', 'variant']) }}
)

select
    experiment_id,
    variant,
    planned_share
from newest
