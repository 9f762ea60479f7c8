-- Written by make contracts: change dagster_project/contracts/crm.yml instead.
{% call increment_by('contact_id') %}
select contact_id from {{ new_records_of('crm', 'contacts') }} as added

union all

select contact_id from {{ source('crm', 'contacts') }} as dated where {{ may_have_crossed('created_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('crm', 'contacts') }}
    where {{ is_within('contact_id') }}
),

newest as (
    {{ newest_version('delivered', ['contact_id'], has_updated_at=true) }}
)

select
    contact_id,
    created_at,
    updated_at,
    full_name,
    first_name,
    middle_name,
    last_name,
    email,
    phone,
    birth_date,
    gender,
    street_address,
    city,
    region,
    postal_code,
    country,
    company,
    national_id,
    loyalty_card,
    lead_source,
    lifecycle_stage,
    owner_id,
    referred_by_contact_id,
    is_deleted
from newest
where {{ not_after_as_of('created_at') }}
