-- How long customers usually wait between two sales, measured per frequency band. Customers with
-- one sale have no gap, and bands with fewer than 30 gaps say little: both use all gaps.
with

gaps as (
    select
        customers.frequency_band,
        sales.days_since_previous_order as gap_days
    from {{ ref('orders') }} as sales
    inner join {{ ref('int_customers_purchased') }} as customers
        on sales.customer_id = customers.customer_id
    where
        sales.is_sale
        and sales.days_since_previous_order is not null
),

all_gaps as (
    select
        count(*) as gap_count,
        {{ percentile('gap_days', 0.5) }} as median_days,
        {{ percentile('gap_days', 0.9) }} as p90_days
    from gaps
),

band_gaps as (
    select
        frequency_band,
        count(*) as gap_count,
        {{ percentile('gap_days', 0.5) }} as median_days,
        {{ percentile('gap_days', 0.9) }} as p90_days
    from gaps
    group by frequency_band
),

bands as (
    select '1' as frequency_band

    union all

    select '2-3' as frequency_band

    union all

    select '4+' as frequency_band
),

final as (
    select
        bands.frequency_band,
        coalesce(band_gaps.gap_count, 0) as gap_count,
        coalesce(band_gaps.gap_count, 0) >= 30 as is_own_measure,
        cast(
            case when band_gaps.gap_count >= 30 then band_gaps.median_days else all_gaps.median_days end
            as double
        ) as median_days,
        cast(
            case when band_gaps.gap_count >= 30 then band_gaps.p90_days else all_gaps.p90_days end
            as double
        ) as p90_days
    from bands
    cross join all_gaps
    left join band_gaps
        on bands.frequency_band = band_gaps.frequency_band
)

select * from final
