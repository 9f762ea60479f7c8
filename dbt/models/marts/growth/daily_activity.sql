-- A day's activity by channel. Visitors and people are counted once a day, under the channel of the
-- first that they did on it, so that channels add up to the day.
{% call increment_by('activity_date') %}
select {{ business_date('started_at') }} from {{ changes_of('int_sessions_identified') }} as s

union all

select {{ business_date('s.started_at') }}
from {{ changes_of('int_clicks_opened') }} as o
inner join {{ ref('int_sessions_identified') }} as s on o.session_id = s.session_id

union all

select o.order_date
from {{ changes_of('int_attribution_credits') }} as c
inner join {{ ref('orders') }} as o on c.order_id = o.order_id

union all

select order_date from {{ changes_of('orders') }} as o

union all

select {{ business_date('touched_at') }} from {{ changes_of('touchpoints') }} as t
{% endcall %}
with

sessions as (
    select
        {{ business_date('s.started_at') }} as activity_date,
        coalesce(o.channel, s.channel) as channel,
        s.visitor_id,
        s.session_number,
        case when s.cart_count > 0 then 1 else 0 end as has_cart
    from {{ ref('int_sessions_identified') }} as s
    left join {{ ref('int_clicks_opened') }} as o on s.session_id = o.session_id
    where {{ is_within(business_date('s.started_at')) }}
),

visits as (
    select
        activity_date,
        channel,
        count(*) as sessions,
        sum(has_cart) as carts
    from sessions
    group by activity_date, channel
),

visitor_days as (
    select
        activity_date,
        {{ arg_min('channel', 'session_number') }} as channel
    from sessions
    group by activity_date, visitor_id
),

-- The touch that last_non_direct credits with a sale.
sales as (
    select
        c.order_id,
        o.order_date as activity_date,
        c.channel,
        o.customer_id,
        o.ordered_at,
        o.net_revenue,
        case when o.is_first_order then 1 else 0 end as is_first
    from {{ ref('int_attribution_credits') }} as c
    inner join {{ ref('orders') }} as o on c.order_id = o.order_id
    where
        c.credit_last_non_direct = 1
        and {{ is_within('o.order_date') }}
),

sold as (
    select
        activity_date,
        channel,
        count(*) as orders,
        sum(is_first) as new_customers,
        sum(net_revenue) as net_revenue
    from sales
    group by activity_date, channel
),

deeds as (
    select
        {{ business_date('touched_at') }} as activity_date,
        customer_id,
        channel,
        touched_at as done_at,
        touchpoint_id as deed_id
    from {{ ref('touchpoints') }}
    where
        customer_id is not null
        and {{ is_within(business_date('touched_at')) }}

    union all

    select
        activity_date,
        customer_id,
        channel,
        ordered_at as done_at,
        concat('order:', order_id) as deed_id
    from sales
    where customer_id is not null
),

person_days as (
    select
        activity_date,
        channel,
        row_number() over (
            partition by activity_date, customer_id order by done_at, deed_id
        ) as place
    from deeds
),

joined as (
    select
        activity_date,
        channel,
        sessions,
        0 as visitors,
        0 as people,
        carts,
        0 as orders,
        0 as new_customers,
        0 as net_revenue
    from visits

    union all

    select
        activity_date,
        channel,
        0 as sessions,
        count(*) as visitors,
        0 as people,
        0 as carts,
        0 as orders,
        0 as new_customers,
        0 as net_revenue
    from visitor_days
    group by activity_date, channel

    union all

    select
        activity_date,
        channel,
        0 as sessions,
        0 as visitors,
        count(*) as people,
        0 as carts,
        0 as orders,
        0 as new_customers,
        0 as net_revenue
    from person_days
    where place = 1
    group by activity_date, channel

    union all

    select
        activity_date,
        channel,
        0 as sessions,
        0 as visitors,
        0 as people,
        0 as carts,
        orders,
        new_customers,
        net_revenue
    from sold
),

final as (
    select
        activity_date,
        channel,
        cast(sum(sessions) as bigint) as sessions,
        cast(sum(visitors) as bigint) as visitors,
        cast(sum(people) as bigint) as people,
        cast(sum(carts) as bigint) as carts,
        cast(sum(orders) as bigint) as orders,
        cast(sum(new_customers) as bigint) as new_customers,
        cast(sum(net_revenue) as decimal(18, 2)) as net_revenue
    from joined
    group by activity_date, channel
)

select * from final
