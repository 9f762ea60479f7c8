-- The segment that each customer was in at the end of each of the last complete months: thirteen, so
-- that a year of months can each be compared with the one before.
with

customer_months as (
    select
        customer_id,
        month,
        last_order_date,
        lead(month) over (
            partition by customer_id
            order by month
        ) as next_month,
        sum(order_count) over (
            partition by customer_id
            order by month
            rows between unbounded preceding and current row
        ) as order_count,
        sum(net_revenue) over (
            partition by customer_id
            order by month
            rows between unbounded preceding and current row
        ) as net_revenue
    from {{ ref('int_customer_months_summed') }}
),

segments as (
    select * from {{ ref('rfm_segments') }}
),

numbers as (
    {{ number_series(13) }}
),

months as (
    select
        number as months_ago,
        {{ add_months(month_start(add_days(as_of(), 1)), '-1 - number') }} as month
    from numbers
),

standing as (
    select
        months.month,
        months.months_ago,
        customer_months.customer_id,
        customer_months.last_order_date,
        customer_months.order_count,
        customer_months.net_revenue
    from months
    inner join customer_months
        on
            months.month >= customer_months.month
            and (months.month < customer_months.next_month or customer_months.next_month is null)
),

scored as (
    select
        month,
        months_ago,
        customer_id,
        {{ rfm_score('last_order_date', partition='months_ago') }} as recency_score,
        {{ rfm_score('order_count', partition='months_ago') }} as frequency_score,
        {{ rfm_score('net_revenue', partition='months_ago') }} as monetary_score
    from standing
),

final as (
    select
        scored.month,
        scored.months_ago,
        scored.customer_id,
        segments.segment as rfm_segment
    from scored
    left join segments
        on
            scored.recency_score = segments.recency_score
            and {{ rfm_value_score('scored.frequency_score', 'scored.monetary_score') }}
            = segments.value_score
)

select * from final
