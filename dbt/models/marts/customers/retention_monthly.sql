with

customer_months as (
    select * from {{ ref('int_customer_months_summed') }}
),

first_month as (
    select min(month) as month from customer_months
),

numbers as (
    {{ number_series(10000) }}
),

months as (
    select {{ add_months('first_month.month', 'numbers.number') }} as month
    from first_month
    inner join numbers
        on {{ date_diff_months('first_month.month', as_of()) }} >= numbers.number
),

counted as (
    select
        month,
        count(*) as customers,
        {{ count_if('previous_month is null') }} as new_customers,
        {{ count_if("previous_month = " ~ add_months('month', -1)) }} as retained_customers
    from customer_months
    group by month
),

joined as (
    select
        months.month,
        coalesce(previous.customers, 0) as customers_at_start,
        coalesce(counted.customers, 0) as customers_at_end,
        coalesce(counted.new_customers, 0) as new_customers,
        coalesce(counted.retained_customers, 0) as retained_customers
    from months
    left join counted
        on months.month = counted.month
    left join counted as previous
        on {{ add_months('months.month', -1) }} = previous.month
),

final as (
    select
        month,
        customers_at_start,
        customers_at_end,
        new_customers,
        customers_at_end - new_customers - retained_customers as reactivated_customers,
        retained_customers,
        {{ safe_ratio('retained_customers', 'customers_at_start') }} as retention_rate,
        {{ safe_ratio('(customers_at_end - new_customers)', 'customers_at_start') }}
            as retention_rate_formula,
        1 - {{ safe_ratio('retained_customers', 'customers_at_start') }} as churn_rate,
        {{ add_months('month', 1) }} <= {{ add_days(as_of(), 1) }} as is_complete
    from joined
)

select * from final
