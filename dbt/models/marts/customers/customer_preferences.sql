-- What each customer looks for, on what device, and how much of what they bought was discounted.
with

customers as (
    select c.customer_id
    from {{ source('identity', 'customers') }} as c
    left join {{ ref('int_customers_permitted') }} as p on c.customer_id = p.customer_id
    where not coalesce(p.is_profiling_withdrawn, false)
),

considered as (
    select
        customer_id,
        product_id,
        event_name,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from {{ ref('int_products_considered') }}
    where customer_id is not null and product_id is not null
    group by customer_id, product_id, event_name
),

bought as (
    select
        customer_id,
        product_id,
        max(ordered_at) as ordered_at
    from {{ ref('order_lines') }}
    where is_sale and customer_id in (select customer_id from considered)
    group by customer_id, product_id
),

-- What is gone cannot be offered.
wanted as (
    select
        c.customer_id,
        c.event_name,
        c.product_id,
        coalesce(g.name, c.product_id) as product,
        c.last_at,
        row_number() over (
            partition by c.customer_id, c.event_name order by c.last_at desc, c.product_id asc
        ) as place
    from considered as c
    left join bought as b on c.customer_id = b.customer_id and c.product_id = b.product_id
    left join {{ ref('products') }} as g on c.product_id = g.product_id
    where
        (b.ordered_at is null or b.ordered_at < c.first_at)
        and (g.discontinued_at is null or g.discontinued_at >= {{ end_of_as_of() }})
),

{% for event_name, done in [('product_view', 'viewed'), ('add_to_cart', 'carted')] -%}
{{ done }} as (
    select
        customer_id,
        count(*) as products,
        max(last_at) as last_at,
        {{ arg_min('product_id', 'place') }} as last_product_id,
        {{ string_agg(
            'case when place <= ' ~ var('product_interest_listed') ~ ' then product end',
            ', ',
            'place'
        ) }} as product_names
    from wanted
    where event_name = '{{ event_name }}'
    group by customer_id
),

{% endfor -%}
device_counts as (
    select
        customer_id,
        device,
        count(*) as sessions
    from {{ ref('int_sessions_identified') }}
    where customer_id is not null
    group by customer_id, device
),

-- The most frequent first, then by name; visits whose device is unknown count as visits only.
device_places as (
    select
        *,
        row_number() over (
            partition by customer_id
            order by case when device is null then 1 else 0 end asc, sessions desc, device asc
        ) as place
    from device_counts
),

visited as (
    select
        customer_id,
        cast(sum(sessions) as bigint) as sessions,
        cast(sum(case when device is not null then sessions end) as bigint) as device_sessions,
        max(case when place = 1 then device end) as device,
        max(case when place = 1 and device is not null then sessions end) as favourite_sessions
    from device_places
    group by customer_id
),

-- Of all sales few have a coupon: these alone are sorted.
coupons as (
    select
        customer_id,
        coupon_code,
        row_number() over (
            partition by customer_id order by ordered_at desc, order_id desc
        ) as place
    from {{ ref('int_sales_discounted') }}
    where customer_id is not null and coupon_code is not null
),

discounted as (
    select
        customer_id,
        count(*) as sales,
        {{ count_if('is_discounted') }} as discounted_sales,
        {{ count_if('coupon_code is not null') }} as coupon_sales,
        cast(sum(discount_amount) as decimal(18, 2)) as discount_amount,
        cast(sum(margin_given_away) as decimal(18, 2)) as margin_given_away,
        cast(sum(case when is_discounted then 0 else net_revenue end) as decimal(18, 2))
            as full_price_revenue
    from {{ ref('int_sales_discounted') }}
    where customer_id is not null
    group by customer_id
),

final as (
    select
        c.customer_id,
        coalesce(v.products, 0) as viewed_products,
        v.last_product_id as last_viewed_product_id,
        v.last_at as last_viewed_at,
        v.product_names as viewed_product_names,
        coalesce(k.products, 0) as carted_products,
        k.last_product_id as last_carted_product_id,
        k.last_at as last_carted_at,
        k.product_names as carted_product_names,
        coalesce(s.sessions, 0) as sessions,
        s.device as favourite_device,
        {{ safe_ratio('s.favourite_sessions', 's.device_sessions') }} as favourite_device_share,
        coalesce(d.sales, 0) as sales,
        coalesce(d.discounted_sales, 0) as discounted_sales,
        coalesce(d.sales - d.discounted_sales, 0) as full_price_sales,
        {{ safe_ratio('d.discounted_sales', 'd.sales') }} as discounted_share,
        coalesce(d.coupon_sales, 0) as coupon_sales,
        u.coupon_code as last_coupon_code,
        coalesce(d.discount_amount, 0) as discount_amount,
        coalesce(d.margin_given_away, 0) as margin_given_away,
        coalesce(d.full_price_revenue, 0) as full_price_revenue
    from customers as c
    left join viewed as v on c.customer_id = v.customer_id
    left join carted as k on c.customer_id = k.customer_id
    left join visited as s on c.customer_id = s.customer_id
    left join discounted as d on c.customer_id = d.customer_id
    left join coupons as u on c.customer_id = u.customer_id and u.place = 1
)

select * from final
