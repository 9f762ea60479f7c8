-- Written by make contracts: change dagster_project/contracts/marketing.yml instead.
with

delivered as (
    select * from {{ source('marketing', 'experiment_assignments') }}
),

newest as (
    {{ newest_version('delivered', ['experiment_id', 'subject_id']) }}
)

select
    experiment_id,
    subject_kind,
    subject_id,
    variant,
    assigned_at
from newest
where {{ not_after_as_of('assigned_at') }}
