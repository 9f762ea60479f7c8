-- What each line contributed to the amount charged for its order. The order's total, with its
-- tax, shipping and discounts, is shared out in proportion to the lines' own amounts; shares are
-- differences between rounded running totals, so that they add up to the total to the cent. The
-- total is that without the gift cards that were sold.
{%- set of_product = ['product_id', 'category', 'is_service', 'unit_cost'] %}
{% call increment_by('order_id') %}
select order_id from {{ changes_of('stg_shop__order_lines') }} as lines

union all

select order_id from {{ changes_of('int_orders_valued') }} as orders

union all

select lines.order_id
from {{ ref('stg_shop__order_lines') }} as lines
inner join {{ changes_in('stg_shop__products', of_product) }} as products
    on lines.product_id = products.product_id
{% endcall %}
with

lines as (
    select * from {{ ref('stg_shop__order_lines') }}
    where {{ is_within('order_id') }}
),

orders as (
    select * from {{ ref('int_orders_valued') }}
    where {{ is_within('order_id') }}
),

products as (
    select * from {{ ref('stg_shop__products') }}
),

priced as (
    select
        lines.order_id,
        lines.line_number,
        lines.product_id,
        lines.quantity,
        coalesce(
            lines.unit_price,
            -- The price of one, unless so little was sold that it fits no column.
            case
                when
                    abs(cast(lines.line_amount as double)) < abs(cast(lines.quantity as double)) * 1e11
                    then cast(
                        cast(lines.line_amount as double) / cast(lines.quantity as double)
                        as decimal(18, 6)
                    )
            end
        ) as unit_price,
        coalesce(lines.discount_amount, 0) as discount_amount,
        {{ own_line_amount('lines') }} as line_amount,
        coalesce(lines.kind, 'article') = 'gift_card' as is_gift_card,
        orders.order_id is not null as is_order_known,
        orders.customer_id,
        orders.ordered_at,
        orders.order_date,
        orders.rate,
        coalesce(orders.is_sale, false) as is_sale,
        case
            when orders.is_sale then {{ to_cents('orders.total_amount') }}
            else 0
        end as total_cents,
        case
            when orders.is_sale
                then {{ to_cents('orders.total_amount - orders.tax_amount - orders.shipping_amount') }}
            else 0
        end as goods_cents,
        coalesce(products.is_service, false) or coalesce(lines.kind, '') = 'gift_card' as is_service,
        products.category,
        products.unit_cost
    from lines
    left join orders
        on lines.order_id = orders.order_id
    left join products
        on lines.product_id = products.product_id
),

-- A gift card that is sold has no share: it brings revenue when it is spent.
counted as (
    select
        *,
        case when is_gift_card then 0 else {{ to_cents('line_amount') }} end as amount_cents,
        case when is_gift_card then 0 else 1 end as article
    from priced
),

running as (
    select
        *,
        cast(sum(amount_cents) over (partition by order_id) as bigint) as order_amount_cents,
        cast(sum(article) over (partition by order_id) as bigint) as article_count,
        count(*) over (partition by order_id) as line_count,
        cast(
            sum(amount_cents) over (
                partition by order_id
                order by line_number
                rows between unbounded preceding and current row
            ) as bigint
        ) as amount_so_far,
        cast(
            sum(article) over (
                partition by order_id
                order by line_number
                rows between unbounded preceding and current row
            ) as bigint
        ) as articles_so_far,
        row_number() over (
            partition by order_id
            order by line_number
        ) as lines_so_far
    from counted
),

-- Lines that are worth nothing together share equally; so do gift cards, where there is nothing
-- else, the postage.
weighted as (
    select
        *,
        case
            when order_amount_cents > 0 then amount_cents
            when article_count > 0 then article
            else 1
        end as weight,
        case
            when order_amount_cents > 0 then amount_so_far
            when article_count > 0 then articles_so_far
            else lines_so_far
        end as weight_so_far,
        case
            when order_amount_cents > 0 then order_amount_cents
            when article_count > 0 then article_count
            else line_count
        end as order_weight
    from running
),

final as (
    select
        order_id,
        line_number,
        product_id,
        quantity,
        unit_price,
        discount_amount,
        line_amount,
        is_order_known,
        customer_id,
        ordered_at,
        order_date,
        rate,
        is_sale,
        is_service,
        is_gift_card,
        category,
        unit_cost,
        total_cents,
        goods_cents,
        case
            when total_cents = order_weight then weight
            else
                {{ pro_rata('total_cents', 'weight_so_far', 'order_weight') }}
                - {{ pro_rata('total_cents', '(weight_so_far - weight)', 'order_weight') }}
        end as gross_cents
    from weighted
)

select * from final
