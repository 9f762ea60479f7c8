with

sessions as (
    select
        {{ month_start(business_date('s.started_at')) }} as month,
        coalesce(o.channel, s.channel) as channel,
        {{ date_diff_seconds('started_at', 'ended_at') }} as seconds,
        case
            when
                {{ date_diff_seconds('started_at', 'ended_at') }} > {{ var('engaged_session_seconds') }}
                or key_event_count > 0
                or page_view_count + product_view_count >= 2
                then 0
            else 1
        end as is_bounce,
        case when order_placed_count > 0 then 1 else 0 end as has_order,
        case when cart_count > 0 then 1 else 0 end as has_cart
    from {{ ref('int_sessions_identified') }} as s
    left join {{ ref('int_clicks_opened') }} as o on s.session_id = o.session_id
),

visited as (
    select
        month,
        channel,
        count(*) as sessions,
        avg(cast(seconds as double)) as average_time_on_site,
        avg(cast(is_bounce as double)) as bounce_rate,
        avg(cast(has_order as double)) as conversion_rate,
        {{ safe_ratio('sum(case when has_order = 0 then has_cart else 0 end)', 'sum(has_cart)') }}
            as cart_abandonment_rate
    from sessions
    group by month, channel
),

-- Sales, spend and return under the model that GA4's own reports use for sessions.
sold as (
    select
        month,
        channel,
        sum(attributed_orders) as orders,
        sum(attributed_revenue) as revenue,
        sum(new_customers) as new_customers
    from {{ ref('attribution_channels') }}
    where model = 'last_non_direct'
    group by month, channel
),

spent as (
    select
        month,
        channel,
        sum(spend) as spend
    from {{ ref('marketing_spend') }}
    group by month, channel
),

product_sales as (
    select
        c.month,
        c.channel,
        l.product_id,
        sum(l.net_revenue) as revenue
    from {{ ref('int_attribution_credits') }} as c
    inner join {{ ref('order_lines') }} as l on c.order_id = l.order_id
    where c.credit_last_non_direct > 0 and not l.is_service
    group by c.month, c.channel, l.product_id
),

product_ranks as (
    select
        month,
        channel,
        product_id,
        row_number() over (
            partition by month, channel order by revenue desc, product_id asc
        ) as place
    from product_sales
),

top_products as (
    select
        r.month,
        r.channel,
        coalesce(p.name, r.product_id) as top_product
    from product_ranks as r
    left join {{ ref('products') }} as p on r.product_id = p.product_id
    where r.place = 1
),

keys as (
    select
        month,
        channel
    from visited

    union

    select
        month,
        channel
    from sold

    union

    select
        month,
        channel
    from spent
),

final as (
    select
        k.month,
        k.channel,
        coalesce(v.sessions, 0) as sessions,
        {{ rounded('v.average_time_on_site', 3) }} as average_time_on_site,
        {{ rounded('v.bounce_rate', 6) }} as bounce_rate,
        {{ rounded('v.conversion_rate', 6) }} as conversion_rate,
        {{ rounded('v.cart_abandonment_rate', 6) }} as cart_abandonment_rate,
        {{ rounded('coalesce(s.orders, 0)', 9) }} as orders,
        cast(coalesce(s.revenue, 0) as decimal(18, 2)) as revenue,
        {{ rounded(safe_ratio('s.revenue', 's.orders'), 6) }} as average_order_value,
        t.top_product,
        cast(coalesce(p.spend, 0) as decimal(18, 2)) as spend,
        {{ rounded('coalesce(s.new_customers, 0)', 9) }} as new_customers,
        case when p.spend > 0 then {{ rounded(safe_ratio('s.revenue', 'p.spend'), 6) }} end as roas,
        case
            when p.spend > 0 and s.new_customers > 0
                then {{ rounded(safe_ratio('p.spend', 's.new_customers'), 6) }}
        end as cac
    from keys as k
    left join visited as v on k.month = v.month and k.channel = v.channel
    left join sold as s on k.month = s.month and k.channel = s.channel
    left join spent as p on k.month = p.month and k.channel = p.channel
    left join top_products as t on k.month = t.month and k.channel = t.channel
)

select * from final
