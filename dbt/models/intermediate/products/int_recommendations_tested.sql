-- How often a customer who came back in the held-back days bought one of the products that would
-- have been recommended before them. One row, none before anything was bought.
with

cuts as (
    select {{ add_days(as_of(), '-' ~ var('recommendation_holdout_days')) }} as cut_date
    from {{ source('control', 'parameters') }}
),

purchases as (
    select
        l.customer_id,
        l.product_id,
        l.order_date > c.cut_date as is_held_back
    from {{ ref('order_lines') }} as l
    cross join cuts as c
    where l.is_sale and not l.is_service and l.quantity > 0 and l.customer_id is not null
),

returned as (
    select customer_id
    from purchases
    group by customer_id
    having count(case when is_held_back then 1 end) between 1 and count(*) - 1
),

bought as (
    select distinct
        customer_id,
        product_id
    from purchases
    where is_held_back
),

hits as (
    select
        r.customer_id,
        min(r.affinity_rank) as affinity_rank,
        min(r.popularity_rank) as popularity_rank
    from {{ ref('int_products_recommended') }} as r
    inner join bought as b on r.customer_id = b.customer_id and r.product_id = b.product_id
    where r.run = 'tested'
    group by r.customer_id
),

counted as (
    select
        count(*) as customers,
        {{ count_if('h.affinity_rank <= ' ~ var('recommendation_count')) }} as affinity_hits,
        {{ count_if('h.popularity_rank <= ' ~ var('recommendation_count')) }} as popularity_hits
    from returned as r
    left join hits as h on r.customer_id = h.customer_id
),

final as (
    select
        customers,
        affinity_hits,
        popularity_hits,
        -- With fewer customers a difference is chance.
        customers >= 30 and affinity_hits > popularity_hits as is_affinity_better
    from counted
    where exists (select 1 from purchases)
)

select * from final
