with

observed as (
    select * from {{ ref('int_experiments_observed') }}
),

tested as (
    select * from {{ source('predictions', 'experiment_tests') }}
),

final as (
    select
        o.experiment_id,
        o.variant,
        o.is_control,
        o.planned_share,
        o.subjects,
        o.observed_subjects,
        o.conversions,
        {{ rounded(safe_ratio('o.conversions', 'o.observed_subjects'), 6) }} as conversion_rate,
        t.rate_difference,
        t.rate_ci_low,
        t.rate_ci_high,
        t.rate_z,
        t.rate_p_value,
        {{ from_cents('o.revenue_cents') }} as net_revenue,
        {{ rounded(safe_ratio('o.revenue_cents', 'o.observed_subjects') ~ ' / 100', 6) }}
            as revenue_per_subject,
        t.revenue_difference,
        t.revenue_ci_low,
        t.revenue_ci_high,
        t.revenue_t,
        t.revenue_p_value,
        t.split_chi_square,
        t.split_p_value,
        t.split_p_value >= {{ var('experiment_split_p_value') }} as is_valid
    from observed as o
    left join tested as t
        on o.experiment_id = t.experiment_id and o.variant = t.variant
)

select * from final
