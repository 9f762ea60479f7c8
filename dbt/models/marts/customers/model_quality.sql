with

models as (
    select * from {{ source('predictions', 'models') }}
),

recommendations as (
    select
        'recommendations.' || recommendation_list as model,
        method,
        complexity,
        customers,
        is_in_force,
        {{ rounded(safe_ratio('hits', 'customers'), 6) }} as hit_rate
    from {{ ref('int_recommendations_tested') }}
),

recommended as (
    select
        model,
        'holdout_days' as metric,
        cast({{ var('recommendation_holdout_days') }} as double) as value,
        'customers who bought before and again in these days, as of the day before them' as note
    from recommendations
    where is_in_force

    union all

    select
        model,
        'holdout_customers' as metric,
        cast(customers as double) as value,
        null as note
    from recommendations
    where is_in_force

    union all

    select
        model,
        method || '_hit_rate' as metric,
        hit_rate as value,
        'share who bought one of the {{ var('recommendation_count') }} that it would have recommended'
            as note
    from recommendations

    union all

    select
        model,
        'holdout_hit_rate' as metric,
        hit_rate as value,
        method as note
    from recommendations
    where is_in_force

    union all

    select
        model,
        'baseline_hit_rate' as metric,
        hit_rate as value,
        method as note
    from recommendations
    where complexity = 1

    union all

    select
        model,
        'beats_baseline' as metric,
        case when complexity > 1 then 1 else 0 end as value,
        null as note
    from recommendations
    where is_in_force

    union all

    select
        model,
        'chosen' as metric,
        null as value,
        case
            when customers < 30 then method || ': fewer than 30 customers to test the others on'
            else method || ': no other found more of what customers bought'
        end as note
    from recommendations
    where is_in_force
),

final as (
    select
        model,
        metric,
        value,
        nullif(note, '') as note
    from models

    union all

    select
        model,
        metric,
        cast(value as double) as value,
        note
    from recommended
)

select * from final
