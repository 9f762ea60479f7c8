with

models as (
    select * from {{ source('predictions', 'models') }}
),

recommendations as (
    select * from {{ ref('int_recommendations_tested') }}
),

recommended as (
    select
        'holdout_days' as metric,
        cast({{ var('recommendation_holdout_days') }} as double) as value,
        'customers who bought before and again in these days, as of the day before them' as note
    from recommendations

    union all

    select
        'holdout_customers' as metric,
        cast(customers as double) as value,
        null as note
    from recommendations

    union all

    select
        'holdout_hit_rate' as metric,
        round({{ safe_ratio('affinity_hits', 'customers') }}, 6) as value,
        'share who bought one of the {{ var('recommendation_count') }} recommended by co-purchase' as note
    from recommendations

    union all

    select
        'baseline_hit_rate' as metric,
        round({{ safe_ratio('popularity_hits', 'customers') }}, 6) as value,
        'the same, had the most bought products been recommended' as note
    from recommendations

    union all

    select
        'beats_baseline' as metric,
        case when is_affinity_better then 1 else 0 end as value,
        null as note
    from recommendations

    union all

    select
        'chosen' as metric,
        null as value,
        case
            when is_affinity_better then 'co-purchase: it beats popularity'
            when customers < 30 then 'popularity: fewer than 30 customers to test co-purchase on'
            else 'popularity: co-purchase does not beat it'
        end as note
    from recommendations
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
        'product_recommendations' as model,
        metric,
        cast(value as double) as value,
        note
    from recommended
)

select * from final
