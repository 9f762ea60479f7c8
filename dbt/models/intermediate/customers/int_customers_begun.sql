-- How each customer with a sale began: the order, its sales channel and its main category.
with

first_sales as (
    select
        customer_id,
        order_id,
        sales_channel
    from {{ ref('orders') }}
    where order_number = 1
),

-- What was charged decides, not what was kept: a later refund moves nobody to another cohort.
ranked_categories as (
    select
        first_sales.customer_id,
        lines.category,
        row_number() over (
            partition by first_sales.customer_id
            order by sum(lines.gross_revenue) desc, lines.category
        ) as place
    from first_sales
    inner join {{ ref('order_lines') }} as lines
        on first_sales.order_id = lines.order_id
    where
        not lines.is_service
        and lines.category is not null
    group by first_sales.customer_id, lines.category
),

final as (
    select
        first_sales.customer_id,
        first_sales.order_id as first_order_id,
        first_sales.sales_channel as first_sales_channel,
        ranked_categories.category as first_category
    from first_sales
    left join ranked_categories
        on
            first_sales.customer_id = ranked_categories.customer_id
            and ranked_categories.place = 1
)

select * from final
