-- Written by make contracts: change dagster_project/contracts/crm.yml instead.
{% call increment_by('contact_id') %}
select contact_id from {{ new_records_of('crm', 'contact_points') }} as added
{% endcall %}
with

delivered as (
    select * from {{ source('crm', 'contact_points') }}
    where {{ is_within('contact_id') }}
),

newest as (
    {{ newest_version('delivered', ['contact_id', 'kind', 'value'], has_updated_at=true) }}
)

select
    contact_id,
    kind,
    value,
    label,
    is_primary,
    updated_at
from newest
