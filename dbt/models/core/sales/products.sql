with

catalogue as (
    select * from {{ ref('stg_shop__products') }}
),

sold as (
    select
        product_id,
        min(case when is_gift_card then 1 else 0 end) = 1 as is_gift_card,
        count(distinct case when is_sale then order_id end) as order_count,
        sum(case when is_sale then quantity else 0 end) as sold_quantity,
        sum(returned_quantity) as returned_quantity,
        sum(net_revenue) as net_revenue,
        case when count(*) = count(gross_margin) then sum(gross_margin) end as gross_margin,
        min(case when is_sale then ordered_at end) as first_sold_at,
        max(case when is_sale then ordered_at end) as last_sold_at
    from {{ ref('order_lines') }}
    group by product_id
),

final as (
    select
        coalesce(catalogue.product_id, sold.product_id) as product_id,
        catalogue.product_id is not null as is_listed,
        catalogue.name,
        catalogue.category,
        catalogue.brand,
        coalesce(catalogue.is_service, false)
        or coalesce(sold.is_gift_card, false) as is_service,
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
    from catalogue
    full join sold
        on catalogue.product_id = sold.product_id
)

select * from final
