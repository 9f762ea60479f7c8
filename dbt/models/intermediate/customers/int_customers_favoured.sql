-- What, where and when each customer mostly buys. Ties go to the name or number that comes first,
-- so that the answer does not change from build to build.
with

sales as (
    select
        customer_id,
        sales_channel,
        {{ iso_weekday('order_date') }} as weekday,
        order_hour as hour_of_day
    from {{ ref('orders') }}
    where
        is_sale
        and customer_id is not null
),

category_sums as (
    select
        customer_id,
        category,
        sum(net_revenue) as net_revenue
    from {{ ref('order_lines') }}
    where
        is_sale
        and not is_service
        and customer_id is not null
        and category is not null
    group by customer_id, category
),

-- The highest first and its name after: half the time of ranking every category of everybody.
highest_sums as (
    select
        customer_id,
        max(net_revenue) as net_revenue
    from category_sums
    group by customer_id
),

categories as (
    select
        category_sums.customer_id,
        min(category_sums.category) as category
    from category_sums
    inner join highest_sums
        on
            category_sums.customer_id = highest_sums.customer_id
            and category_sums.net_revenue = highest_sums.net_revenue
    group by category_sums.customer_id
),

channel_counts as (
    select
        customer_id,
        sales_channel,
        count(*) as sale_count
    from sales
    where sales_channel is not null
    group by customer_id, sales_channel
),

highest_counts as (
    select
        customer_id,
        max(sale_count) as sale_count
    from channel_counts
    group by customer_id
),

channels as (
    select
        channel_counts.customer_id,
        min(channel_counts.sales_channel) as sales_channel
    from channel_counts
    inner join highest_counts
        on
            channel_counts.customer_id = highest_counts.customer_id
            and channel_counts.sale_count = highest_counts.sale_count
    group by channel_counts.customer_id
),

-- Sales first, then the earlier weekday or hour, in one number.
weekdays as (
    select
        customer_id,
        {{ arg_max('weekday', 'sale_count * 10 - weekday') }} as weekday
    from (
        select
            customer_id,
            weekday,
            count(*) as sale_count
        from sales
        group by customer_id, weekday
    ) as counted
    group by customer_id
),

hours as (
    select
        customer_id,
        {{ arg_max('hour_of_day', 'sale_count * 100 - hour_of_day') }} as hour_of_day
    from (
        select
            customer_id,
            hour_of_day,
            count(*) as sale_count
        from sales
        group by customer_id, hour_of_day
    ) as counted
    group by customer_id
),

final as (
    select
        weekdays.customer_id,
        categories.category as favourite_category,
        channels.sales_channel as favourite_channel,
        weekdays.weekday as favourite_weekday,
        hours.hour_of_day as favourite_hour
    from weekdays
    inner join hours
        on weekdays.customer_id = hours.customer_id
    left join categories
        on weekdays.customer_id = categories.customer_id
    left join channels
        on weekdays.customer_id = channels.customer_id
)

select * from final
