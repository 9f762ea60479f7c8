with

catalogue as (
    select * from {{ ref('stg_shop__products') }}
),

lines as (
    select * from {{ ref('order_lines') }}
),

sold as (
    select
        product_id,
        count(distinct order_id) as order_count,
        sum(quantity) as sold_quantity,
        sum(returned_quantity) as returned_quantity,
        sum(net_revenue) as net_revenue,
        case when count(*) = count(gross_margin) then sum(gross_margin) end as gross_margin,
        min(ordered_at) as first_sold_at,
        max(ordered_at) as last_sold_at
    from lines
    where is_sale
    group by product_id
),

known as (
    select product_id from catalogue

    union

    select product_id from lines
),

final as (
    select
        known.product_id,
        catalogue.product_id is not null as is_listed,
        catalogue.name,
        catalogue.category,
        catalogue.brand,
        coalesce(catalogue.is_service, false) as is_service,
        catalogue.unit_cost,
        catalogue.list_price,
        catalogue.stock_on_hand,
        catalogue.launched_at,
        catalogue.discontinued_at,
        coalesce(sold.order_count, 0) as order_count,
        cast(coalesce(sold.sold_quantity, 0) as decimal(18, 3)) as sold_quantity,
        cast(coalesce(sold.returned_quantity, 0) as decimal(18, 3)) as returned_quantity,
        cast(coalesce(sold.net_revenue, 0) as decimal(18, 2)) as net_revenue,
        case
            when sold.product_id is null then cast(0 as decimal(18, 2))
            else cast(sold.gross_margin as decimal(18, 2))
        end as gross_margin,
        sold.first_sold_at,
        sold.last_sold_at
    from known
    left join catalogue
        on known.product_id = catalogue.product_id
    left join sold
        on known.product_id = sold.product_id
)

select * from final
