-- Whether an address may be used for a purpose. Consent belongs to the address: a statement that
-- names none is about the contact's own. Unknown is no; a withdrawal or unsubscribe that is not
-- older than the last grant is no; an address that bounced or whose contact was deleted is no.
with

contacts as (
    select * from {{ ref('stg_crm__contacts') }}
),

accounts as (
    select * from {{ ref('stg_shop__accounts') }}
),

identifiers as (
    select
        identifier_kind,
        raw_value,
        normalised_value
    from {{ source('identity', 'identifiers') }}
    where normalised_value is not null
),

consents as (
    select
        consents.purpose,
        case when consents.purpose = 'email' then 'email' else 'phone' end as identifier_kind,
        case
            when consents.purpose = 'email'
                then case
                    when consents.email is null and consents.phone is null then contacts.email
                    else consents.email
                end
            when consents.email is null and consents.phone is null then contacts.phone
            else consents.phone
        end as raw_value,
        case when consents.status = 'granted' then consents.effective_at end as granted_at,
        case when consents.status = 'withdrawn' then consents.effective_at end as withdrawn_at,
        0 as is_unusable
    from {{ ref('stg_crm__consents') }} as consents
    left join contacts
        on consents.contact_id = contacts.contact_id
    where consents.purpose in ('email', 'sms', 'call')
),

messages as (
    select
        messages.medium as purpose,
        case when messages.medium = 'email' then 'email' else 'phone' end as identifier_kind,
        case
            when messages.medium = 'email'
                then coalesce(messages.email, contacts.email, accounts.email)
            else coalesce(messages.phone, contacts.phone, accounts.phone)
        end as raw_value,
        cast(null as timestamp) as granted_at,
        case when messages.event = 'unsubscribed' then messages.occurred_at end as withdrawn_at,
        case when messages.event = 'bounced' then 1 else 0 end as is_unusable
    from {{ ref('stg_marketing__messages') }} as messages
    left join contacts
        on messages.contact_id = contacts.contact_id
    left join accounts
        on messages.account_id = accounts.account_id
    where
        messages.event in ('unsubscribed', 'bounced')
        and messages.medium in ('email', 'sms')
),

purposes as (
    select
        'email' as purpose,
        'email' as identifier_kind

    union all

    select
        'sms' as purpose,
        'phone' as identifier_kind

    union all

    select
        'call' as purpose,
        'phone' as identifier_kind
),

deleted as (
    select
        purposes.purpose,
        purposes.identifier_kind,
        case when purposes.identifier_kind = 'email' then contacts.email else contacts.phone end
            as raw_value,
        cast(null as timestamp) as granted_at,
        cast(null as timestamp) as withdrawn_at,
        1 as is_unusable
    from contacts
    cross join purposes
    where contacts.is_deleted
),

statements as (
    select * from consents

    union all

    select * from messages

    union all

    select * from deleted
),

summed as (
    select
        identifiers.identifier_kind,
        identifiers.normalised_value,
        statements.purpose,
        max(statements.granted_at) as granted_at,
        max(statements.withdrawn_at) as withdrawn_at,
        max(statements.is_unusable) as is_unusable
    from statements
    inner join identifiers
        on
            statements.identifier_kind = identifiers.identifier_kind
            and statements.raw_value = identifiers.raw_value
    group by identifiers.identifier_kind, identifiers.normalised_value, statements.purpose
),

final as (
    select
        identifier_kind,
        normalised_value,
        purpose,
        coalesce(
            is_unusable = 0
            and granted_at is not null
            and (withdrawn_at is null or withdrawn_at < granted_at),
            false
        ) as is_permitted
    from summed
)

select * from final
