-- What people put into the cart and did not buy. A cart is all that one person, or a visitor without
-- one, has put into it since their last order; an order, whatever became of it, closes it.
with

added as (
    select
        occurred_at,
        product_id,
        customer_id,
        case when customer_id is null then visitor_id end as visitor_id,
        case
            when customer_id is not null then concat('customer:', customer_id)
            else concat('visitor:', visitor_id)
        end as person
    from {{ ref('int_products_considered') }}
    where event_name = 'add_to_cart'
),

ordered as (
    select
        concat('customer:', customer_id) as person,
        max(ordered_at) as ordered_at
    from {{ ref('orders') }}
    where customer_id is not null
    group by customer_id

    union all

    select
        concat('visitor:', visitor_id) as person,
        max(ordered_at) as ordered_at
    from {{ ref('orders') }}
    where visitor_id is not null
    group by visitor_id
),

open_additions as (
    select a.*
    from added as a
    left join ordered as o on a.person = o.person
    where o.ordered_at is null or a.occurred_at > o.ordered_at
),

goods as (
    select
        person,
        product_id,
        min(customer_id) as customer_id,
        min(visitor_id) as visitor_id,
        min(occurred_at) as opened_at,
        max(occurred_at) as last_added_at,
        count(*) as additions
    from open_additions
    group by person, product_id
),

-- Catalogues may lack a price: then the latest that the shop charged.
charged as (
    select
        product_id,
        {{ arg_max('unit_price', 'ordered_at') }} as unit_price
    from {{ ref('order_lines') }}
    where is_sale
    group by product_id
),

priced as (
    select
        g.*,
        coalesce(p.name, g.product_id) as product,
        coalesce(p.list_price, c.unit_price) as price
    from goods as g
    left join {{ ref('products') }} as p on g.product_id = p.product_id
    left join charged as c on g.product_id = c.product_id
),

final as (
    select
        {{ hash_text('person') }} as cart_id,
        min(customer_id) as customer_id,
        min(visitor_id) as visitor_id,
        min(opened_at) as opened_at,
        max(last_added_at) as last_added_at,
        {{ business_date('max(last_added_at)') }} as last_added_date,
        {{ date_diff_days(business_date('max(last_added_at)'), as_of()) }} as age_days,
        count(product_id) as product_count,
        {{ string_agg('product', ', ', 'product') }} as products,
        cast(sum(price) as decimal(18, 2)) as cart_value,
        count(product_id) - count(price) as unpriced_products
    from priced
    group by person
)

select * from final
