-- How often a customer who came back in the held-back days bought one of the products that each
-- method would have put on each list before them, and which method is in force: the one that was
-- right most often, of equals and with too few customers the simplest. No row before goods were
-- bought.
with

{{ recommendation_test_ctes() }},

bought as (
    select distinct
        d.customer_id,
        d.product_id
    from days as d
    inner join tested_customers as t on d.customer_id = t.customer_id
    where d.order_date > {{ recommendation_test_cut() }}
),

hits as (
    select
        r.recommendation_list,
        r.customer_id,
        min(r.habit_rank) as habit_rank,
        min(r.most_bought_rank) as most_bought_rank,
        min(r.trend_rank) as trend_rank,
        min(r.neighbour_rank) as neighbour_rank,
        min(r.popularity_rank) as popularity_rank
    from {{ ref('int_products_recommended') }} as r
    inner join bought as b on r.customer_id = b.customer_id and r.product_id = b.product_id
    where r.run = 'tested'
    group by r.recommendation_list, r.customer_id
),

counted as (
    {%- for list, method, rank, complexity in recommendation_methods() %}
    select
        '{{ list }}' as recommendation_list,
        '{{ method }}' as method,
        {{ complexity }} as complexity,
        {{ count_if(
            "recommendation_list = '" ~ list ~ "' and " ~ rank ~ ' <= ' ~ var('recommendation_count')
        ) }} as hits
    from hits
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}
),

totals as (
    select count(*) as customers from tested_customers
),

placed as (
    select
        c.recommendation_list,
        c.method,
        c.complexity,
        t.customers,
        c.hits,
        row_number() over (
            partition by c.recommendation_list
            order by
                -- With fewer customers a difference is chance.
                case when t.customers >= 30 then c.hits else 0 end desc,
                c.complexity asc
        ) as place
    from counted as c
    cross join totals as t
),

final as (
    select
        recommendation_list,
        method,
        complexity,
        customers,
        hits,
        place = 1 as is_in_force
    from placed
    where exists (select 1 from days)
)

select * from final
