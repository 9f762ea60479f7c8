-- What each customer may buy again and what else they may like, twice: as of as_of, to be published,
-- and as of the day before the held-back days, to be tested on what customers bought in them.
with

runs as (
    select
        'published' as run,
        {{ as_of() }} as until_date

    union all

    select
        'tested' as run,
        {{ recommendation_test_cut() }} as until_date
),

{{ recommendation_test_ctes() }},

-- A purchase counts the less the longer ago it was, in whole millionths: sums of fractions would
-- depend on the order of adding.
purchases as (
    select
        r.run,
        d.customer_id,
        d.product_id,
        r.run || ' ' || d.product_id as product_key,
        max(d.order_date) as last_date,
        count(*) as day_count,
        cast(
            sum(
                cast(
                    round(
                        1000000 * power(
                            0.5,
                            {{ date_diff_days('d.order_date', 'r.until_date') }}
                            / {{ var('recommendation_half_life_days') }}
                        ),
                        0
                    ) as bigint
                )
            ) as bigint
        ) as habit
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
        count(*) as product_count,
        cast(row_number() over (order by run, customer_id) as integer) as customer_number
    from purchases
    group by run, customer_id
),

served as (
    select
        c.run,
        c.customer_id,
        c.customer_number
    from customers as c
    left join tested_customers as t on c.customer_id = t.customer_id
    where c.run = 'published' or t.customer_id is not null
),

-- Numbered from the most bought of the run, equals by their id. Joined by product_key alone: from
-- equal runs of a customer and a product DuckDB made a pair of each customer with each product first
-- (17 million of 105,000 customers and 113 products, 2026-12).
bought as (
    select
        p.run,
        p.product_id,
        p.product_key,
        count(*) as buyers,
        {{ count_if(
            'p.last_date > ' ~ add_days('r.until_date', '-' ~ var('recommendation_trend_days'))
        ) }} as recent_buyers,
        {{ count_if('p.day_count > 1') }} as repeat_buyers,
        cast(
            row_number() over (order by p.run asc, count(*) desc, p.product_id asc) as integer
        ) as product_number
    from purchases as p
    inner join runs as r on p.run = r.run
    group by p.run, p.product_id, p.product_key
),

products as (
    select
        b.run,
        b.product_id,
        b.product_number,
        b.buyers,
        sqrt(b.recent_buyers + 1) as trend,
        sqrt((b.recent_buyers + 1) * (b.repeat_buyers + 1) / cast(b.buyers + 4 as double))
            as pull
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
        p.last_date,
        p.day_count,
        p.habit,
        c.product_count
    from purchases as p
    inner join customers as c on p.run = c.run and p.customer_id = c.customer_id
    inner join bought as b on p.product_key = b.product_key
),

-- Fewer buyers than three make no pair that counts.
pairable as (
    select
        i.customer_number,
        i.product_number
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
),

weighed as (
    select
        a.product_number,
        a.other_number,
        cast(
            round(1000000 * cast(a.both_buyers as double) / sqrt(p.buyers * o.buyers), 0) as bigint
        ) as weight
    from pairs as a
    inner join bought as p on a.product_number = p.product_number
    inner join products as o on a.other_number = o.product_number
),

partners as (
    select
        product_number,
        other_number,
        weight,
        row_number() over (
            partition by product_number order by weight desc, other_number asc
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

-- All that a customer ever bought speaks, of very many products the latest.
owned as (
    select
        i.customer_number,
        i.product_number,
        row_number() over (
            partition by i.customer_number order by i.last_date desc, i.product_number asc
        ) as place
    from items as i
    inner join served as s on i.customer_number = s.customer_number
),

candidates as (
    select
        o.customer_number,
        s.other_number as product_number,
        s.weight
    from owned as o
    inner join partners as s on o.product_number = s.product_number
    where o.place <= 100 and s.place <= 10

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

-- Ranked by numbers alone; the few that are listed get their product's id.
discovered as (
    select
        s.customer_number,
        s.product_number,
        s.weight,
        row_number() over (
            partition by s.customer_number
            order by s.weight * p.trend desc, s.product_number asc
        ) as trend_rank,
        row_number() over (
            partition by s.customer_number order by s.weight desc, s.product_number asc
        ) as neighbour_rank,
        row_number() over (
            partition by s.customer_number order by s.product_number
        ) as popularity_rank
    from scored as s
    inner join products as p on s.product_number = p.product_number
    left join items as i
        on s.customer_number = i.customer_number and s.product_number = i.product_number
    where i.product_number is null
),

repeated as (
    select
        i.customer_number,
        i.product_number,
        i.habit as weight,
        row_number() over (
            partition by i.customer_number
            order by i.habit * p.pull desc, i.product_number asc
        ) as habit_rank,
        row_number() over (
            partition by i.customer_number
            order by i.day_count desc, i.last_date desc, i.product_number asc
        ) as most_bought_rank
    from items as i
    inner join served as s on i.customer_number = s.customer_number
    inner join products as p on i.product_number = p.product_number
),

listed as (
    select
        'buy_again' as recommendation_list,
        customer_number,
        product_number,
        weight,
        habit_rank,
        most_bought_rank,
        cast(null as bigint) as trend_rank,
        cast(null as bigint) as neighbour_rank,
        cast(null as bigint) as popularity_rank
    from repeated
    where
        habit_rank <= {{ var('recommendation_count') }}
        or most_bought_rank <= {{ var('recommendation_count') }}

    union all

    select
        'discover' as recommendation_list,
        customer_number,
        product_number,
        weight,
        cast(null as bigint) as habit_rank,
        cast(null as bigint) as most_bought_rank,
        trend_rank,
        neighbour_rank,
        popularity_rank
    from discovered
    where
        trend_rank <= {{ var('recommendation_count') }}
        or neighbour_rank <= {{ var('recommendation_count') }}
        or popularity_rank <= {{ var('recommendation_count') }}
),

final as (
    select
        s.run,
        s.customer_id,
        l.recommendation_list,
        p.product_id,
        l.weight,
        l.habit_rank,
        l.most_bought_rank,
        l.trend_rank,
        l.neighbour_rank,
        l.popularity_rank
    from listed as l
    inner join served as s on l.customer_number = s.customer_number
    inner join products as p on l.product_number = p.product_number
)

select * from final
