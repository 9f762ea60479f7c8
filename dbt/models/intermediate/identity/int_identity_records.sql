-- One row per record that can say who somebody is. Nothing is normalised here: the identity step
-- does that once, for distinct values.
with
points as (
    select
        contact_id,
        {{ string_agg("case when kind = 'email' then value end", ' | ', 'value') }} as emails,
        {{ string_agg("case when kind = 'phone' then value end", ' | ', 'value') }} as phones
    from {{ ref('stg_crm__contact_points') }}
    group by contact_id
),

contacts as (
    select
        'crm' as source_system,
        'contacts' as source_table,
        c.contact_id as source_id,
        c.created_at as seen_at,
        c.updated_at,
        true as is_customer_evidence,
        coalesce(c.is_deleted, false) as is_deleted,
        c.email,
        c.phone,
        c.loyalty_card,
        c.national_id,
        p.emails as further_emails,
        p.phones as further_phones,
        c.full_name,
        c.first_name,
        c.middle_name,
        c.last_name,
        c.birth_date,
        c.gender,
        c.street_address,
        c.city,
        c.region,
        c.postal_code,
        c.country,
        c.company,
        cast(null as {{ dbt.type_string() }}) as account_id,
        cast(null as {{ dbt.type_string() }}) as contact_id,
        cast(null as {{ dbt.type_string() }}) as visitor_id
    from {{ ref('stg_crm__contacts') }} as c
    left join points as p on c.contact_id = p.contact_id
),

accounts as (
    select
        'shop' as source_system,
        'accounts' as source_table,
        account_id as source_id,
        registered_at as seen_at,
        updated_at,
        true as is_customer_evidence,
        false as is_deleted,
        email,
        phone,
        loyalty_card,
        cast(null as {{ dbt.type_string() }}) as national_id,
        cast(null as {{ dbt.type_string() }}) as further_emails,
        cast(null as {{ dbt.type_string() }}) as further_phones,
        cast(null as {{ dbt.type_string() }}) as full_name,
        first_name,
        cast(null as {{ dbt.type_string() }}) as middle_name,
        last_name,
        birth_date,
        gender,
        cast(null as {{ dbt.type_string() }}) as street_address,
        city,
        region,
        postal_code,
        country,
        cast(null as {{ dbt.type_string() }}) as company,
        cast(null as {{ dbt.type_string() }}) as account_id,
        cast(null as {{ dbt.type_string() }}) as contact_id,
        cast(null as {{ dbt.type_string() }}) as visitor_id
    from {{ ref('stg_shop__accounts') }}
),

orders as (
    select
        'shop' as source_system,
        'orders' as source_table,
        order_id as source_id,
        ordered_at as seen_at,
        updated_at,
        true as is_customer_evidence,
        false as is_deleted,
        email,
        phone,
        loyalty_card,
        cast(null as {{ dbt.type_string() }}) as national_id,
        cast(null as {{ dbt.type_string() }}) as further_emails,
        cast(null as {{ dbt.type_string() }}) as further_phones,
        cast(null as {{ dbt.type_string() }}) as full_name,
        cast(null as {{ dbt.type_string() }}) as first_name,
        cast(null as {{ dbt.type_string() }}) as middle_name,
        cast(null as {{ dbt.type_string() }}) as last_name,
        cast(null as date) as birth_date,
        cast(null as {{ dbt.type_string() }}) as gender,
        cast(null as {{ dbt.type_string() }}) as street_address,
        city,
        cast(null as {{ dbt.type_string() }}) as region,
        cast(null as {{ dbt.type_string() }}) as postal_code,
        country,
        cast(null as {{ dbt.type_string() }}) as company,
        account_id,
        cast(null as {{ dbt.type_string() }}) as contact_id,
        visitor_id
    from {{ ref('stg_shop__orders') }}
    where
        email is not null
        or phone is not null
        or loyalty_card is not null
),

calls as (
    select
        'call_center' as source_system,
        'calls' as source_table,
        call_id as source_id,
        started_at as seen_at,
        started_at as updated_at,
        true as is_customer_evidence,
        false as is_deleted,
        cast(null as {{ dbt.type_string() }}) as email,
        customer_phone as phone,
        cast(null as {{ dbt.type_string() }}) as loyalty_card,
        cast(null as {{ dbt.type_string() }}) as national_id,
        cast(null as {{ dbt.type_string() }}) as further_emails,
        cast(null as {{ dbt.type_string() }}) as further_phones,
        cast(null as {{ dbt.type_string() }}) as full_name,
        cast(null as {{ dbt.type_string() }}) as first_name,
        cast(null as {{ dbt.type_string() }}) as middle_name,
        cast(null as {{ dbt.type_string() }}) as last_name,
        cast(null as date) as birth_date,
        cast(null as {{ dbt.type_string() }}) as gender,
        cast(null as {{ dbt.type_string() }}) as street_address,
        cast(null as {{ dbt.type_string() }}) as city,
        cast(null as {{ dbt.type_string() }}) as region,
        cast(null as {{ dbt.type_string() }}) as postal_code,
        cast(null as {{ dbt.type_string() }}) as country,
        cast(null as {{ dbt.type_string() }}) as company,
        cast(null as {{ dbt.type_string() }}) as account_id,
        contact_id,
        cast(null as {{ dbt.type_string() }}) as visitor_id
    from {{ ref('stg_call_center__calls') }}
    where
        customer_phone is not null
        or contact_id is not null
),

tickets as (
    select
        'call_center' as source_system,
        'tickets' as source_table,
        ticket_id as source_id,
        created_at as seen_at,
        created_at as updated_at,
        true as is_customer_evidence,
        false as is_deleted,
        email,
        phone,
        cast(null as {{ dbt.type_string() }}) as loyalty_card,
        cast(null as {{ dbt.type_string() }}) as national_id,
        cast(null as {{ dbt.type_string() }}) as further_emails,
        cast(null as {{ dbt.type_string() }}) as further_phones,
        cast(null as {{ dbt.type_string() }}) as full_name,
        cast(null as {{ dbt.type_string() }}) as first_name,
        cast(null as {{ dbt.type_string() }}) as middle_name,
        cast(null as {{ dbt.type_string() }}) as last_name,
        cast(null as date) as birth_date,
        cast(null as {{ dbt.type_string() }}) as gender,
        cast(null as {{ dbt.type_string() }}) as street_address,
        cast(null as {{ dbt.type_string() }}) as city,
        cast(null as {{ dbt.type_string() }}) as region,
        cast(null as {{ dbt.type_string() }}) as postal_code,
        cast(null as {{ dbt.type_string() }}) as country,
        cast(null as {{ dbt.type_string() }}) as company,
        account_id,
        contact_id,
        cast(null as {{ dbt.type_string() }}) as visitor_id
    from {{ ref('stg_call_center__tickets') }}
    where
        contact_id is not null
        or account_id is not null
        or email is not null
        or phone is not null
),

final as (
    select * from contacts

    union all

    select * from accounts

    union all

    select * from orders

    union all

    select * from calls

    union all

    select * from tickets
)

select * from final
