with

statements as (
    select * from {{ ref('int_reasons_declared') }}
),

stages as (
    select
        customer_id,
        lifecycle_stage
    from {{ ref('int_customers_scored') }}
),

words as (
    select * from {{ ref('churn_reason_words') }}
),

grouped as (
    select
        {{ month_start(business_date('statements.declared_at')) }} as month,
        statements.declared_in,
        coalesce(words.reason_group, '(other)') as reason_group,
        statements.customer_id,
        case when stages.lifecycle_stage = 'lapsed' then statements.customer_id end as lapsed_id
    from statements
    left join words
        on replace(replace(lower(trim(statements.reason)), '_', ' '), '-', ' ') = words.word
    left join stages
        on statements.customer_id = stages.customer_id
),

final as (
    select
        month,
        declared_in,
        reason_group,
        count(*) as statements,
        count(distinct customer_id) as customers,
        count(distinct lapsed_id) as lapsed_customers
    from grouped
    group by month, declared_in, reason_group
)

select * from final
