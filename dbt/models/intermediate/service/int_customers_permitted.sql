-- What the company may do with each customer: reach them at the address of their golden record,
-- and profile them.
{%- set references = {
    'contact': 'consents.contact_id', 'email': 'consents.email', 'phone': 'consents.phone'
} %}
with

contacts as (
    select
        customer_id,
        email,
        phone
    from {{ ref('customer_contacts') }}
),

permitted as (
    select
        identifier_kind,
        normalised_value,
        purpose
    from {{ ref('int_addresses_permitted') }}
    where is_permitted
),

-- Profiling is asked of the person, not of an address.
profiling as (
    select
        {{ owner_by(references) }} as customer_id,
        max(case when consents.status = 'granted' then consents.effective_at end) as granted_at,
        max(case when consents.status = 'withdrawn' then consents.effective_at end) as withdrawn_at
    from {{ ref('stg_crm__consents') }} as consents
    {{ join_owners(references) }}
    where consents.purpose = 'profiling'
    group by {{ owner_by(references) }}
),

final as (
    select
        contacts.customer_id,
        emails.purpose is not null as can_email,
        texts.purpose is not null as can_sms,
        voices.purpose is not null as can_call,
        coalesce(
            profiling.withdrawn_at is not null
            and (profiling.granted_at is null or profiling.withdrawn_at >= profiling.granted_at),
            false
        ) as is_profiling_withdrawn
    from contacts
    left join permitted as emails
        on
            contacts.email = emails.normalised_value
            and emails.identifier_kind = 'email'
            and emails.purpose = 'email'
    left join permitted as texts
        on
            contacts.phone = texts.normalised_value
            and texts.identifier_kind = 'phone'
            and texts.purpose = 'sms'
    left join permitted as voices
        on
            contacts.phone = voices.normalised_value
            and voices.identifier_kind = 'phone'
            and voices.purpose = 'call'
    left join profiling
        on contacts.customer_id = profiling.customer_id
)

select * from final
