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
        customer_id,
        cast(place as integer) as recommendation_rank,
        product_id,
        case when is_by_affinity then 'co_purchase' else 'popularity' end as method,
        case when is_by_affinity then cast(weight as double) / 1000000 end as score,
        is_repurchase
    from chosen
    where place <= {{ recommendation_count() }}
)

select * from final
