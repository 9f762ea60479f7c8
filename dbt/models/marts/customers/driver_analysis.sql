with

drivers as (
    select * from {{ source('predictions', 'driver_analysis') }}
),

final as (
    select
        method,
        outcome,
        feature,
        statistic,
        estimate,
        ci_low,
        ci_high,
        n,
        p_value
    from drivers
)

select * from final
