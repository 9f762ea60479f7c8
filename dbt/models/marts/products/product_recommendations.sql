-- Who withdrew the consent to be profiled is not recommended anything.
with

recommended as (
    select * from {{ ref('int_products_recommended') }}
    where run = 'published'
),

in_force as (
    select
        recommendation_list,
        method
    from {{ ref('int_recommendations_tested') }}
    where is_in_force
),

profiled as (
    select customer_id from {{ ref('int_customers_permitted') }}
    where not is_profiling_withdrawn
),

placed as (
    select
        r.customer_id,
        r.recommendation_list,
        r.product_id,
        r.weight,
        f.method,
        case f.method
            {%- for list, method, rank, complexity in recommendation_methods() %}
            when '{{ method }}' then r.{{ rank }}
            {%- endfor %}
        end as place
    from recommended as r
    inner join profiled as p on r.customer_id = p.customer_id
    inner join in_force as f on r.recommendation_list = f.recommendation_list
),

final as (
    select
        l.customer_id,
        l.recommendation_list,
        cast(l.place as integer) as recommendation_rank,
        l.product_id,
        case when l.weight > 0 then l.method else 'popularity' end as method,
        case
            when l.weight > 0 and l.method <> 'popularity'
                then cast(l.weight as double) / 1000000
        end as score,
        l.recommendation_list = 'buy_again' as is_repurchase,
        p.stock_on_hand > 0 as is_in_stock
    from placed as l
    left join {{ ref('products') }} as p on l.product_id = p.product_id
    where l.place <= {{ var('recommendation_count') }}
)

select * from final
