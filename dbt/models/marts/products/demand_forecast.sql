with

forecasts as (
    select * from {{ source('predictions', 'demand_forecasts') }}
),

final as (
    select
        category,
        week_start,
        horizon,
        horizon > 0 as is_forecast,
        units_sold,
        forecast as forecast_units,
        lower as lower_units,
        upper as upper_units,
        model,
        mase
    from forecasts
)

select * from final
