-- Written by make contracts: change dagster_project/contracts/crm.yml instead.
{% call increment_by('survey_id') %}
select survey_id from {{ new_records_of('crm', 'surveys') }} as added

union all

select survey_id from {{ source('crm', 'surveys') }} as dated where {{ may_have_crossed('answered_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('crm', 'surveys') }}
    where {{ is_within('survey_id') }}
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
