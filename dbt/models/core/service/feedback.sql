with

assignments as (
    select * from {{ source('identity', 'assignments') }}
),

identifiers as (
    select * from {{ source('identity', 'identifiers') }}
),

contacts as (
    select
        source_id as contact_id,
        customer_id
    from assignments
    where source_system = 'crm' and source_table = 'contacts'
),

accounts as (
    select
        source_id as account_id,
        customer_id
    from assignments
    where source_system = 'shop' and source_table = 'accounts'
),

calls as (
    select
        source_id as call_id,
        customer_id
    from assignments
    where source_system = 'call_center' and source_table = 'calls'
),

tickets as (
    select
        source_id as ticket_id,
        customer_id
    from assignments
    where source_system = 'call_center' and source_table = 'tickets'
),

orders as (
    select
        order_id,
        customer_id
    from {{ ref('int_orders_valued') }}
),

-- Whoever the answer names comes first, then whoever it is about.
surveys as (
    select
        concat('survey:', surveys.survey_id) as feedback_id,
        coalesce(
            contacts.customer_id,
            emails.customer_id,
            phones.customer_id,
            orders.customer_id,
            calls.customer_id
        ) as customer_id,
        surveys.kind,
        surveys.answered_at as given_at,
        surveys.score,
        surveys.reason,
        surveys.order_id,
        cast(null as {{ dbt.type_string() }}) as product_id,
        surveys.call_id
    from {{ ref('stg_crm__surveys') }} as surveys
    left join contacts
        on surveys.contact_id = contacts.contact_id
    left join identifiers as emails
        on
            surveys.email = emails.raw_value
            and emails.identifier_kind = 'email'
    left join identifiers as phones
        on
            surveys.phone = phones.raw_value
            and phones.identifier_kind = 'phone'
    left join orders
        on surveys.order_id = orders.order_id
    left join calls
        on surveys.call_id = calls.call_id
),

reviews as (
    select
        concat('review:', reviews.review_id) as feedback_id,
        coalesce(accounts.customer_id, orders.customer_id) as customer_id,
        'review' as kind,
        reviews.reviewed_at as given_at,
        reviews.rating as score,
        cast(null as {{ dbt.type_string() }}) as reason,
        reviews.order_id,
        reviews.product_id,
        cast(null as {{ dbt.type_string() }}) as call_id
    from {{ ref('stg_shop__reviews') }} as reviews
    left join accounts
        on reviews.account_id = accounts.account_id
    left join orders
        on reviews.order_id = orders.order_id
),

ticket_scores as (
    select
        concat('ticket:', scored.ticket_id) as feedback_id,
        tickets.customer_id,
        'csat' as kind,
        coalesce(scored.resolved_at, scored.created_at) as given_at,
        scored.csat_score as score,
        scored.reason,
        cast(null as {{ dbt.type_string() }}) as order_id,
        cast(null as {{ dbt.type_string() }}) as product_id,
        cast(null as {{ dbt.type_string() }}) as call_id
    from {{ ref('stg_call_center__tickets') }} as scored
    left join tickets
        on scored.ticket_id = tickets.ticket_id
    where scored.csat_score is not null
),

collected as (
    select * from surveys

    union all

    select * from reviews

    union all

    select * from ticket_scores
),

final as (
    select
        feedback_id,
        customer_id,
        kind,
        given_at,
        {{ business_date('given_at') }} as feedback_date,
        score,
        case
            when kind = 'nps' and score >= 9 then 'positive'
            when kind = 'nps' and score >= 7 then 'neutral'
            when kind = 'nps' then 'negative'
            when kind = 'csat' and score >= {{ var('csat_good_from') }} then 'positive'
            when kind = 'csat' and score >= {{ var('csat_neutral_from') }} then 'neutral'
            when kind = 'review' and score >= 4 then 'positive'
            when kind = 'review' and score >= 3 then 'neutral'
            when kind in ('csat', 'review') then 'negative'
        end as sentiment,
        reason,
        order_id,
        product_id,
        call_id
    from collected
    where {{ not_after_as_of('given_at') }}
)

select * from final
