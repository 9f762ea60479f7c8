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

categories as (
    select
        customer_id,
        category,
        row_number() over (
            partition by customer_id
            order by sum(net_revenue) desc, category
        ) as place
    from {{ ref('order_lines') }}
    where
        is_sale
        and not is_service
        and customer_id is not null
        and category is not null
    group by customer_id, category
),

channels as (
    select
        customer_id,
        sales_channel,
        row_number() over (
            partition by customer_id
            order by count(*) desc, sales_channel
        ) as place
    from sales
    where sales_channel is not null
    group by customer_id, sales_channel
),

weekdays as (
    select
        customer_id,
        weekday,
        row_number() over (
            partition by customer_id
            order by count(*) desc, weekday
        ) as place
    from sales
    group by customer_id, weekday
),

hours as (
    select
        customer_id,
        hour_of_day,
        row_number() over (
            partition by customer_id
            order by count(*) desc, hour_of_day
        ) as place
    from sales
    group by customer_id, hour_of_day
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
        on
            weekdays.customer_id = hours.customer_id
            and hours.place = 1
    left join categories
        on
            weekdays.customer_id = categories.customer_id
            and categories.place = 1
    left join channels
        on
            weekdays.customer_id = channels.customer_id
            and channels.place = 1
    where weekdays.place = 1
)

select * from final
