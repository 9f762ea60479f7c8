-- Consents have no key: a statement is the same when all of it is, however often it is delivered.
with

delivered as (
    select * from {{ source('crm', 'consents') }}
),

statements as (
    select distinct
        contact_id,
        email,
        phone,
        purpose,
        status,
        effective_at,
        source
    from delivered
)

select
    contact_id,
    email,
    phone,
    purpose,
    status,
    effective_at,
    source
from statements
where {{ not_after_as_of('effective_at') }}
