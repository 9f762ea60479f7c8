with

baskets as (
    select distinct
        order_id,
        product_id
    from {{ ref('order_lines') }}
    where is_sale and not is_service and quantity > 0
),

-- A basket of hundreds of goods says little of any pair, and its pairs are tens of thousands.
orders as (
    select order_id
    from baskets
    group by order_id
    having count(*) <= {{ affinity_max_basket() }}
),

products as (
    select
        b.product_id,
        count(*) as order_count
    from baskets as b
    inner join orders as o on b.order_id = o.order_id
    group by b.product_id
    having count(*) >= {{ affinity_min_orders() }}
),

-- A pair is never more frequent than either product, so rare products are left out before pairing.
frequent as (
    select
        b.order_id,
        b.product_id
    from baskets as b
    inner join orders as o on b.order_id = o.order_id
    inner join products as p on b.product_id = p.product_id
),

pairs as (
    select
        a.product_id,
        b.product_id as other_product_id,
        count(*) as order_count
    from frequent as a
    inner join frequent as b on a.order_id = b.order_id and a.product_id <> b.product_id
    group by a.product_id, b.product_id
    having count(*) >= {{ affinity_min_orders() }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by product_id order by order_count desc, other_product_id asc
        ) as place
    from pairs
),

totals as (
    select count(*) as order_count from orders
),

final as (
    select
        r.product_id,
        r.other_product_id,
        r.order_count,
        p.order_count as product_order_count,
        o.order_count as other_order_count,
        t.order_count as all_order_count,
        {{ safe_ratio('r.order_count', 't.order_count') }} as support,
        {{ safe_ratio('r.order_count', 'p.order_count') }} as confidence,
        {{ safe_ratio('(r.order_count * t.order_count)', '(p.order_count * o.order_count)') }} as lift
    from ranked as r
    inner join products as p on r.product_id = p.product_id
    inner join products as o on r.other_product_id = o.product_id
    cross join totals as t
    where r.place <= {{ affinity_max_partners() }}
)

select * from final
