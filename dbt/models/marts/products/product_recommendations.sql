-- Who withdrew the consent to be profiled is not recommended anything.
with

recommended as (
    select * from {{ ref('int_products_recommended') }}
    where run = 'published'
),

tested as (
    select * from {{ ref('int_recommendations_tested') }}
),

profiled as (
    select customer_id from {{ ref('int_customers_permitted') }}
    where not is_profiling_withdrawn
),

chosen as (
    select
        r.customer_id,
        r.product_id,
        r.is_repurchase,
        case when t.is_affinity_better then r.affinity_rank else r.popularity_rank end as place,
        t.is_affinity_better and r.weight > 0 as is_by_affinity,
        r.weight
    from recommended as r
    inner join profiled as p on r.customer_id = p.customer_id
    cross join tested as t
),

final as (
    select
        c.customer_id,
        cast(c.place as integer) as recommendation_rank,
        c.product_id,
        case when c.is_by_affinity then 'co_purchase' else 'popularity' end as method,
        case when c.is_by_affinity then cast(c.weight as double) / 1000000 end as score,
        c.is_repurchase,
        p.stock_on_hand > 0 as is_in_stock
    from chosen as c
    left join {{ ref('products') }} as p on c.product_id = p.product_id
    where c.place <= {{ var('recommendation_count') }}
)

select * from final
