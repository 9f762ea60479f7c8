-- Written by make contracts: change dagster_project/contracts/marketing.yml instead.
{% call increment_by('experiment_id') %}
select experiment_id from {{ new_records_of('marketing', 'experiments') }} as added
{% endcall %}
with

delivered as (
    select * from {{ source('marketing', 'experiments') }}
    where {{ is_within('experiment_id') }}
),

newest as (
    {{ newest_version('delivered', ['experiment_id', 'variant']) }}
)

select
    experiment_id,
    variant,
    planned_share
from newest
