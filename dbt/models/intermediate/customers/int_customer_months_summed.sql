-- What each customer bought in each calendar month of the business time zone.
with

sales as (
    select
        customer_id,
        order_date,
        net_revenue,
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
        cast(sum(net_revenue) as decimal(18, 2)) as net_revenue
    from sales
    group by customer_id, month
),

final as (
    select
        customer_id,
        month,
        lag(month) over (
            partition by customer_id
            order by month
        ) as previous_month,
        last_order_date,
        order_count,
        net_revenue
    from months
)

select * from final
