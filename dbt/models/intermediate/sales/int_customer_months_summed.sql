-- What each customer bought in each calendar month of the business time zone.
with

sales as (
    select
        customer_id,
        order_date,
        net_revenue,
        gross_margin,
        {{ month_start('order_date') }} as month
    from {{ ref('orders') }}
    where
        is_sale
        and customer_id is not null
),

months as (
    select
        customer_id,
        month,
        max(order_date) as last_order_date,
        count(*) as order_count,
        cast(sum(net_revenue) as decimal(18, 2)) as net_revenue,
        case
            when count(*) = count(gross_margin) then cast(sum(gross_margin) as decimal(18, 2))
        end as gross_margin
    from sales
    group by customer_id, month
),

final as (
    select
        customer_id,
        month,
        min(month) over (partition by customer_id) as cohort_month,
        max(month) over (partition by customer_id) as last_month,
        lag(month) over (
            partition by customer_id
            order by month
        ) as previous_month,
        last_order_date,
        order_count,
        net_revenue,
        gross_margin
    from months
)

select * from final
