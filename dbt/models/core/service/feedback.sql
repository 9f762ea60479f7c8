{%- set survey_references = {
    'contact': 'surveys.contact_id',
    'order': 'surveys.order_id',
    'email': 'surveys.email',
    'phone': 'surveys.phone',
    'call': 'surveys.call_id',
} -%}
{%- set review_references = {'account': 'reviews.account_id', 'order': 'reviews.order_id'} -%}
with

surveys as (
    select
        concat('survey:', surveys.survey_id) as feedback_id,
        {{ owner_by(survey_references) }} as customer_id,
        surveys.kind,
        surveys.answered_at as given_at,
        surveys.score,
        surveys.reason,
        surveys.order_id,
        cast(null as {{ dbt.type_string() }}) as product_id,
        surveys.call_id
    from {{ ref('stg_crm__surveys') }} as surveys
    {{ join_owners(survey_references) }}
    -- Outside its scale an answer says nothing of promoters; tests/answers_are_on_their_scale.sql
    -- counts these.
    where surveys.kind <> 'nps' or surveys.score between 0 and 10
),

reviews as (
    select
        concat('review:', reviews.review_id) as feedback_id,
        {{ owner_by(review_references) }} as customer_id,
        'review' as kind,
        reviews.reviewed_at as given_at,
        reviews.rating as score,
        cast(null as {{ dbt.type_string() }}) as reason,
        reviews.order_id,
        reviews.product_id,
        cast(null as {{ dbt.type_string() }}) as call_id
    from {{ ref('stg_shop__reviews') }} as reviews
    {{ join_owners(review_references) }}
),

ticket_scores as (
    select
        concat('ticket:', scored.ticket_id) as feedback_id,
        {{ owner_by({'ticket': 'scored.ticket_id'}) }} as customer_id,
        'csat' as kind,
        coalesce(scored.resolved_at, scored.created_at) as given_at,
        scored.csat_score as score,
        scored.reason,
        cast(null as {{ dbt.type_string() }}) as order_id,
        cast(null as {{ dbt.type_string() }}) as product_id,
        cast(null as {{ dbt.type_string() }}) as call_id
    from {{ ref('stg_call_center__tickets') }} as scored
    {{ join_owners({'ticket': 'scored.ticket_id'}) }}
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
            when kind = 'nps' and score >= {{ var('nps_promoter_from') }} then 'positive'
            when kind = 'nps' and score >= {{ var('nps_passive_from') }} then 'neutral'
            when kind = 'nps' then 'negative'
            when kind = 'csat' and score >= {{ var('csat_good_from') }} then 'positive'
            when kind = 'csat' and score >= {{ var('csat_neutral_from') }} then 'neutral'
            when kind = 'review' and score >= {{ var('review_good_from') }} then 'positive'
            when kind = 'review' and score >= {{ var('review_neutral_from') }} then 'neutral'
            when kind in ('csat', 'review') then 'negative'
        end as score_class,
        reason,
        order_id,
        product_id,
        call_id
    from collected
    where {{ not_after_as_of('given_at') }}
)

select * from final
