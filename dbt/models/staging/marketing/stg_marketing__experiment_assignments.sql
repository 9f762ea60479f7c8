-- Written by make contracts: change dagster_project/contracts/marketing.yml instead.
{% call increment_by('experiment_id') %}
select experiment_id from {{ new_records_of('marketing', 'experiment_assignments') }} as added

union all

select experiment_id from {{ source('marketing', 'experiment_assignments') }} as dated where {{ may_have_crossed('assigned_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('marketing', 'experiment_assignments') }}
    where {{ is_within('experiment_id') }}
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
