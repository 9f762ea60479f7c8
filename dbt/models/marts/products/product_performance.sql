-- The 364 days up to as_of: 13 spans of 28 days, and every weekday equally often. The last 91 of
-- them are what moves now.
with

lines as (
    select
        product_id,
        order_id,
        order_date,
        quantity,
        returned_quantity,
        net_revenue,
        gross_margin,
        {{ date_diff_days('order_date', as_of()) }} as days_ago
    from {{ ref('order_lines') }}
    where is_sale and not is_service
),

-- Days from the first sale to as_of, both counted, and whole spans of 28 days within the year.
ages as (
    select
        product_id,
        max(days_ago) + 1 as days_on_sale,
        least({{ integer_divide('max(days_ago) + 1', '28') }}, 13) as spans
    from lines
    group by product_id
),

sold as (
    select
        product_id,
        count(distinct order_id) as order_count,
        sum(quantity) as units_sold,
        sum(returned_quantity) as units_returned,
        sum(net_revenue) as net_revenue,
        case when count(*) = count(gross_margin) then sum(gross_margin) end as gross_margin,
        max(order_date) as last_sold_date,
        sum(case when days_ago < 91 then quantity else 0 end) as recent_units,
        sum(case when days_ago < 91 then quantity - returned_quantity else 0 end) as recent_kept
    from lines
    where days_ago < 364
    group by product_id
),

span_units as (
    select
        l.product_id,
        {{ integer_divide('l.days_ago', '28') }} as span,
        {{ to_units('sum(l.quantity)') }} as units
    from lines as l
    inner join ages as a on l.product_id = a.product_id
    where l.days_ago < a.spans * 28
    group by l.product_id, {{ integer_divide('l.days_ago', '28') }}
),

-- Spans without a sale are zeros that no row stands for; hence the sums and not an aggregate.
spread as (
    select
        u.product_id,
        a.spans,
        cast(sum(u.units) as double) as total,
        sum(cast(u.units as double) * cast(u.units as double)) as total_of_squares
    from span_units as u
    inner join ages as a on u.product_id = a.product_id
    where a.spans >= 3
    group by u.product_id, a.spans
),

varied as (
    select
        product_id,
        case
            when total > 0
                then {{ rounded(
                    'sqrt(greatest(total_of_squares / spans - (total / spans) * (total / spans), 0))'
                    ~ ' / (total / spans)', 6
                ) }}
        end as units_variation
    from spread
),

joined as (
    select
        p.product_id,
        p.name,
        p.category,
        p.stock_on_hand,
        coalesce(s.order_count, 0) as order_count,
        coalesce(s.units_sold, 0) as units_sold,
        coalesce(s.units_returned, 0) as units_returned,
        coalesce(s.net_revenue, 0) as net_revenue,
        case when s.product_id is null then 0 else s.gross_margin end as gross_margin,
        s.last_sold_date,
        coalesce(s.recent_units, 0) as recent_units,
        coalesce(s.recent_kept, 0) as recent_kept,
        least(a.days_on_sale, 91) as recent_days,
        v.units_variation
    from {{ ref('products') }} as p
    left join sold as s on p.product_id = s.product_id
    left join ages as a on p.product_id = a.product_id
    left join varied as v on p.product_id = v.product_id
    where not p.is_service
),

cumulated as (
    select
        *,
        sum(greatest(net_revenue, 0)) over () as all_revenue,
        sum(greatest(net_revenue, 0)) over (order by net_revenue desc)
        - sum(greatest(net_revenue, 0)) over (partition by net_revenue) as revenue_above,
        sum(greatest(recent_units, 0)) over () as all_units,
        sum(greatest(recent_units, 0)) over (order by recent_units desc)
        - sum(greatest(recent_units, 0)) over (partition by recent_units) as units_above
    from joined
),

covered as (
    select
        *,
        case
            when recent_kept > 0 and stock_on_hand is not null
                then {{ rounded(
                    'greatest(cast(stock_on_hand as double), 0)'
                    ~ ' / (cast(recent_kept as double) / recent_days)', 1
                ) }}
        end as cover_days
    from cumulated
),

final as (
    select
        product_id,
        name,
        category,
        order_count,
        cast(units_sold as decimal(18, 3)) as units_sold,
        cast(units_returned as decimal(18, 3)) as units_returned,
        case
            when units_sold > 0 then {{ rounded(safe_ratio('units_returned', 'units_sold'), 6) }}
        end as return_rate,
        cast(net_revenue as decimal(18, 2)) as net_revenue,
        cast(gross_margin as decimal(18, 2)) as gross_margin,
        last_sold_date,
        cast(recent_units as decimal(18, 3)) as units_sold_91d,
        case
            when recent_units <= 0 then 'not_moving'
            else {{ pareto_class('units_above', 'all_units', "'fast'", "'slow'", "'slow'") }}
        end as movement,
        case
            when net_revenue <= 0 then 'C' else {{ pareto_class('revenue_above', 'all_revenue') }}
        end as abc_class,
        units_variation,
        case
            when units_variation <= 0.5 then 'X'
            when units_variation <= 1 then 'Y'
            when units_variation > 1 then 'Z'
        end as xyz_class,
        stock_on_hand,
        case
            when cover_days > {{ var('stock_cover_max_days') }} then {{ var('stock_cover_max_days') }}
            else cover_days
        end as stock_cover_days,
        cover_days > {{ var('stock_cover_max_days') }} as is_stock_cover_capped
    from covered
)

select * from final
