-- The next best products of each customer, twice: as of as_of, to be published, and as of the day
-- before the held-back days, to be tested on what customers bought in them.
with

runs as (
    select
        'published' as run,
        {{ as_of() }} as until_date

    union all

    select
        'tested' as run,
        {{ add_days(as_of(), '-' ~ recommendation_holdout_days()) }} as until_date
),

days as (
    select distinct
        customer_id,
        product_id,
        order_date
    from {{ ref('order_lines') }}
    where is_sale and not is_service and quantity > 0 and customer_id is not null
),

purchases as (
    select
        r.run,
        d.customer_id,
        d.product_id,
        min(d.order_date) as first_date,
        max(d.order_date) as last_date,
        count(*) as day_count
    from days as d
    inner join runs as r on d.order_date <= r.until_date
    group by r.run, d.customer_id, d.product_id
),

customers as (
    select
        run,
        customer_id,
        max(last_date) as last_date,
        count(*) as product_count
    from purchases
    group by run, customer_id
),

-- The test needs only those who came back.
later as (
    select distinct d.customer_id
    from days as d
    inner join runs as r on d.order_date > r.until_date
    where r.run = 'tested'
),

served as (
    select
        c.run,
        c.customer_id
    from customers as c
    left join later as l on c.customer_id = l.customer_id
    where c.run = 'published' or l.customer_id is not null
),

bought as (
    select
        p.run,
        p.product_id,
        count(*) as buyers,
        {{ count_if('c.last_date > p.first_date') }} as returned_buyers,
        {{ count_if('p.day_count > 1') }} as repeat_buyers
    from purchases as p
    inner join customers as c on p.run = c.run and p.customer_id = c.customer_id
    group by p.run, p.product_id
),

products as (
    select
        b.run,
        b.product_id,
        b.buyers,
        b.returned_buyers >= 20 and b.repeat_buyers * 4 >= b.returned_buyers as is_replenishable
    from bought as b
    inner join runs as r on b.run = r.run
    left join {{ ref('products') }} as catalogue on b.product_id = catalogue.product_id
    where
        catalogue.discontinued_at is null
        or {{ business_date('catalogue.discontinued_at') }} > r.until_date
),

-- A product goes with itself where customers buy it again on another day.
pairs as (
    select
        a.run,
        a.product_id,
        b.product_id as other_product_id,
        count(*) as both_buyers
    from purchases as a
    inner join customers as c
        on
            a.run = c.run
            and a.customer_id = c.customer_id
            and c.product_count <= {{ affinity_max_basket() }}
    inner join purchases as b on a.run = b.run and a.customer_id = b.customer_id
    where a.product_id <> b.product_id or a.day_count > 1
    group by a.run, a.product_id, b.product_id
    having count(*) >= 3
),

-- Whole millionths of the cosine: sums of fractions would depend on the order of adding.
weighed as (
    select
        a.run,
        a.product_id,
        a.other_product_id,
        cast(
            round(1000000 * cast(a.both_buyers as double) / sqrt(p.buyers * o.buyers), 0) as bigint
        ) as weight
    from pairs as a
    inner join bought as p on a.run = p.run and a.product_id = p.product_id
    inner join products as o on a.run = o.run and a.other_product_id = o.product_id
    where a.product_id <> a.other_product_id or o.is_replenishable
),

partners as (
    select
        *,
        row_number() over (
            partition by run, product_id order by weight desc, other_product_id asc
        ) as place
    from weighed
),

popular as (
    select
        run,
        product_id,
        row_number() over (partition by run order by buyers desc, product_id asc) as place
    from products
),

recent as (
    select
        p.run,
        p.customer_id,
        p.product_id,
        row_number() over (
            partition by p.run, p.customer_id order by p.last_date desc, p.product_id asc
        ) as place
    from purchases as p
    inner join served as s on p.run = s.run and p.customer_id = s.customer_id
),

candidates as (
    select
        r.run,
        r.customer_id,
        s.other_product_id as product_id,
        s.weight
    from recent as r
    inner join partners as s on r.run = s.run and r.product_id = s.product_id
    where r.place <= 10 and s.place <= 10

    union all

    select
        s.run,
        s.customer_id,
        p.product_id,
        0 as weight
    from served as s
    inner join popular as p on s.run = p.run
    where p.place <= 20
),

scored as (
    select
        run,
        customer_id,
        product_id,
        sum(weight) as weight
    from candidates
    group by run, customer_id, product_id
),

ranked as (
    select
        s.run,
        s.customer_id,
        s.product_id,
        s.weight,
        o.product_id is not null as is_repurchase,
        row_number() over (
            partition by s.run, s.customer_id
            order by s.weight desc, p.buyers desc, s.product_id asc
        ) as affinity_rank,
        row_number() over (
            partition by s.run, s.customer_id order by p.buyers desc, s.product_id asc
        ) as popularity_rank
    from scored as s
    inner join products as p on s.run = p.run and s.product_id = p.product_id
    left join purchases as o
        on s.run = o.run and s.customer_id = o.customer_id and s.product_id = o.product_id
    where o.product_id is null or p.is_replenishable
),

final as (
    select
        run,
        customer_id,
        product_id,
        weight,
        is_repurchase,
        affinity_rank,
        popularity_rank
    from ranked
    where
        affinity_rank <= {{ recommendation_count() }}
        or popularity_rank <= {{ recommendation_count() }}
)

select * from final
