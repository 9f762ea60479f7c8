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
        {{ add_days(as_of(), '-' ~ var('recommendation_holdout_days')) }} as until_date
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

-- The many candidates are grouped and ranked by one number, and not by texts: each customer and
-- each product has a number of its own in each run.
customers as (
    select
        run,
        customer_id,
        max(last_date) as last_date,
        count(*) as product_count,
        cast(row_number() over (order by run, customer_id) as integer) as customer_number
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
        c.customer_id,
        c.customer_number
    from customers as c
    left join later as l on c.customer_id = l.customer_id
    where c.run = 'published' or l.customer_id is not null
),

-- Numbered from the most bought of the run, equals by their id.
bought as (
    select
        p.run,
        p.product_id,
        count(*) as buyers,
        {{ count_if('c.last_date > p.first_date') }} as returned_buyers,
        {{ count_if('p.day_count > 1') }} as repeat_buyers,
        cast(
            row_number() over (order by p.run asc, count(*) desc, p.product_id asc) as integer
        ) as product_number
    from purchases as p
    inner join customers as c on p.run = c.run and p.customer_id = c.customer_id
    group by p.run, p.product_id
),

products as (
    select
        b.run,
        b.product_id,
        b.product_number,
        b.buyers,
        b.returned_buyers >= 20 and b.repeat_buyers * 4 >= b.returned_buyers as is_replenishable
    from bought as b
    inner join runs as r on b.run = r.run
    left join {{ ref('products') }} as catalogue on b.product_id = catalogue.product_id
    where
        catalogue.discontinued_at is null
        or {{ business_date('catalogue.discontinued_at') }} > r.until_date
),

items as (
    select
        c.customer_number,
        b.product_number,
        b.product_id,
        p.last_date,
        p.day_count,
        c.product_count
    from purchases as p
    inner join customers as c on p.run = c.run and p.customer_id = c.customer_id
    inner join bought as b on p.run = b.run and p.product_id = b.product_id
),

-- Fewer buyers than three make no pair that counts.
pairable as (
    select
        i.customer_number,
        i.product_number,
        i.day_count
    from items as i
    inner join bought as b on i.product_number = b.product_number
    where i.product_count <= {{ var('affinity_max_basket') }} and b.buyers >= 3
),

-- Each pair once, which is half of the work, and then from both of its sides.
halves as (
    select
        a.product_number,
        b.product_number as other_number,
        count(*) as both_buyers
    from pairable as a
    inner join pairable as b
        on a.customer_number = b.customer_number and a.product_number < b.product_number
    group by a.product_number, b.product_number
    having count(*) >= 3
),

-- A product goes with itself where customers buy it again on another day.
pairs as (
    select
        product_number,
        other_number,
        both_buyers
    from halves

    union all

    select
        other_number as product_number,
        product_number as other_number,
        both_buyers
    from halves

    union all

    select
        product_number,
        product_number as other_number,
        count(*) as both_buyers
    from pairable
    where day_count > 1
    group by product_number
    having count(*) >= 3
),

-- Whole millionths of the cosine: sums of fractions would depend on the order of adding.
weighed as (
    select
        a.product_number,
        a.other_number,
        o.product_id as other_product_id,
        cast(
            round(1000000 * cast(a.both_buyers as double) / sqrt(p.buyers * o.buyers), 0) as bigint
        ) as weight
    from pairs as a
    inner join bought as p on a.product_number = p.product_number
    inner join products as o on a.other_number = o.product_number
    where a.product_number <> a.other_number or o.is_replenishable
),

partners as (
    select
        *,
        row_number() over (
            partition by product_number order by weight desc, other_product_id asc
        ) as place
    from weighed
),

popular as (
    select
        run,
        product_number,
        row_number() over (partition by run order by product_number) as place
    from products
),

recent as (
    select
        i.customer_number,
        i.product_number,
        row_number() over (
            partition by i.customer_number order by i.last_date desc, i.product_id asc
        ) as place
    from items as i
    inner join served as s on i.customer_number = s.customer_number
),

candidates as (
    select
        r.customer_number,
        s.other_number as product_number,
        s.weight
    from recent as r
    inner join partners as s on r.product_number = s.product_number
    where r.place <= 10 and s.place <= 10

    union all

    select
        s.customer_number,
        p.product_number,
        0 as weight
    from served as s
    inner join popular as p on s.run = p.run
    where p.place <= 20
),

scored as (
    select
        customer_number,
        product_number,
        cast(sum(weight) as bigint) as weight
    from candidates
    group by customer_number, product_number
),

ranked as (
    select
        s.customer_number,
        s.weight,
        p.product_id,
        o.product_number is not null as is_repurchase,
        row_number() over (
            partition by s.customer_number order by s.weight desc, s.product_number asc
        ) as affinity_rank,
        row_number() over (
            partition by s.customer_number order by s.product_number
        ) as popularity_rank
    from scored as s
    inner join products as p on s.product_number = p.product_number
    left join items as o
        on s.customer_number = o.customer_number and s.product_number = o.product_number
    where o.product_number is null or p.is_replenishable
),

final as (
    select
        s.run,
        s.customer_id,
        r.product_id,
        r.weight,
        r.is_repurchase,
        r.affinity_rank,
        r.popularity_rank
    from ranked as r
    inner join served as s on r.customer_number = s.customer_number
    where
        r.affinity_rank <= {{ var('recommendation_count') }}
        or r.popularity_rank <= {{ var('recommendation_count') }}
)

select * from final
