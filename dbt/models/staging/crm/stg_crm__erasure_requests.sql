-- Written by make contracts: change dagster_project/contracts/crm.yml instead.
{% call increment_by('request_id') %}
select request_id from {{ new_records_of('crm', 'erasure_requests') }} as added

union all

select request_id from {{ source('crm', 'erasure_requests') }} as dated where {{ may_have_crossed('requested_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('crm', 'erasure_requests') }}
    where {{ is_within('request_id') }}
),

newest as (
    {{ newest_version('delivered', ['request_id']) }}
)

select
    request_id,
    contact_id,
    account_id,
    email,
    phone,
    requested_at
from newest
where {{ not_after_as_of('requested_at') }}
