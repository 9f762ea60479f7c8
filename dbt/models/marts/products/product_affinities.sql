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
    having count(*) <= {{ var('affinity_max_basket') }}
),

-- Pairs are counted by numbers, which takes a third of the time that texts take.
products as (
    select
        b.product_id,
        cast(row_number() over (order by b.product_id) as integer) as product_number,
        count(*) as order_count
    from baskets as b
    inner join orders as o on b.order_id = o.order_id
    group by b.product_id
    having count(*) >= {{ var('affinity_min_orders') }}
),

-- A pair is never more frequent than either product, so rare products are left out before pairing.
frequent as (
    select
        b.order_id,
        p.product_number
    from baskets as b
    inner join orders as o on b.order_id = o.order_id
    inner join products as p on b.product_id = p.product_id
),

-- Each pair once, which is half of the work, and then from both of its sides.
halves as (
    select
        a.product_number,
        b.product_number as other_number,
        count(*) as order_count
    from frequent as a
    inner join frequent as b on a.order_id = b.order_id and a.product_number < b.product_number
    group by a.product_number, b.product_number
    having count(*) >= {{ var('affinity_min_orders') }}
),

pairs as (
    select
        product_number,
        other_number,
        order_count
    from halves

    union all

    select
        other_number as product_number,
        product_number as other_number,
        order_count
    from halves
),

ranked as (
    select
        *,
        row_number() over (
            partition by product_number order by order_count desc, other_number asc
        ) as place,
        count(*) over (partition by product_number) as partner_count
    from pairs
),

totals as (
    select count(*) as order_count from orders
),

names as (
    select
        product_id,
        coalesce(name, product_id) as product_name
    from {{ ref('products') }}
),

final as (
    select
        p.product_id,
        pn.product_name,
        o.product_id as other_product_id,
        onames.product_name as other_product_name,
        r.order_count,
        p.order_count as product_order_count,
        o.order_count as other_order_count,
        t.order_count as all_order_count,
        {{ safe_ratio('r.order_count', 't.order_count') }} as support,
        {{ safe_ratio('r.order_count', 'p.order_count') }} as confidence,
        {{ safe_ratio('(r.order_count * t.order_count)', '(p.order_count * o.order_count)') }} as lift,
        r.partner_count,
        greatest(r.partner_count - {{ setting('affinity_partners') }}, 0) as left_out_count
    from ranked as r
    inner join products as p on r.product_number = p.product_number
    inner join products as o on r.other_number = o.product_number
    cross join totals as t
    left join names as pn on p.product_id = pn.product_id
    left join names as onames on o.product_id = onames.product_id
    where r.place <= {{ setting('affinity_partners') }}
)

select * from final
