with

customer_months as (
    select
        *,
        cast({{ date_diff_months('cohort_month', 'month') }} as integer) as period_number
    from {{ ref('int_customer_months_summed') }}
),

-- The last period in which a customer bought: on or after any earlier one, they are active.
last_periods as (
    select
        cohort_month,
        cast({{ date_diff_months('cohort_month', 'last_month') }} as integer) as period_number,
        count(*) as customers
    from customer_months
    where month = last_month
    group by cohort_month, last_month
),

cohorts as (
    select
        cohort_month,
        count(*) as cohort_size,
        cast(
            {{ date_diff_months('cohort_month', as_of()) }} as integer
        ) as last_period_number
    from customer_months
    where period_number = 0
    group by cohort_month
),

periods as (
    {{ number_series(10000) }}
),

grid as (
    select
        cohorts.cohort_month,
        cohorts.cohort_size,
        periods.number as period_number,
        {{ add_months('cohorts.cohort_month', 'periods.number + 1') }} as next_period_start
    from cohorts
    inner join periods
        on cohorts.last_period_number >= periods.number
),

active as (
    select
        cohort_month,
        period_number,
        count(*) as active_customers,
        sum(net_revenue) as net_revenue,
        case when count(*) = count(gross_margin) then sum(gross_margin) end as gross_margin
    from customer_months
    group by cohort_month, period_number
),

cells as (
    select
        grid.cohort_month,
        grid.period_number,
        grid.cohort_size,
        grid.next_period_start,
        coalesce(active.active_customers, 0) as active_customers,
        coalesce(last_periods.customers, 0) as last_time_customers,
        coalesce(active.net_revenue, 0) as net_revenue,
        case when active.cohort_month is null then 0 else active.gross_margin end as gross_margin
    from grid
    left join active
        on
            grid.cohort_month = active.cohort_month
            and grid.period_number = active.period_number
    left join last_periods
        on
            grid.cohort_month = last_periods.cohort_month
            and grid.period_number = last_periods.period_number
),

summed as (
    select
        *,
        sum(last_time_customers) over (
            partition by cohort_month
            order by period_number desc
            rows between unbounded preceding and current row
        ) as active_or_later_customers,
        sum(net_revenue) over (
            partition by cohort_month
            order by period_number
            rows between unbounded preceding and current row
        ) as cumulative_net_revenue
    from cells
),

final as (
    select
        'month' as period_kind,
        cohort_month as cohort_start,
        period_number,
        cohort_size,
        active_customers,
        cast(active_or_later_customers as bigint) as active_or_later_customers,
        {{ safe_ratio('active_customers', 'cohort_size') }} as retention_rate,
        {{ safe_ratio('active_or_later_customers', 'cohort_size') }} as retention_rate_or_later,
        cast(net_revenue as decimal(18, 2)) as net_revenue,
        cast(cumulative_net_revenue as decimal(18, 2)) as cumulative_net_revenue,
        cast(gross_margin as decimal(18, 2)) as gross_margin,
        next_period_start <= {{ add_days(as_of(), 1) }} as is_complete
    from summed
)

select * from final
