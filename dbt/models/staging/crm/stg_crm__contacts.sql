-- Written by make contracts: change dagster_project/contracts/crm.yml instead.
with

delivered as (
    select * from {{ source('crm', 'contacts') }}
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
