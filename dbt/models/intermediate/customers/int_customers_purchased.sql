-- What each customer with a sale has bought so far.
with

sales as (
    select * from {{ ref('orders') }}
    where
        is_sale
        and customer_id is not null
),

summed as (
    select
        customer_id,
        min(ordered_at) as first_order_at,
        max(ordered_at) as last_order_at,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date,
        count(*) as order_count,
        cast(sum(net_revenue) as decimal(18, 2)) as net_revenue,
        case
            when count(*) = count(gross_margin) then cast(sum(gross_margin) as decimal(18, 2))
        end as gross_margin
    from sales
    group by customer_id
),

last_gaps as (
    select
        sales.customer_id,
        sales.days_since_previous_order as last_gap_days
    from sales
    inner join summed
        on
            sales.customer_id = summed.customer_id
            and sales.order_number = summed.order_count
),

final as (
    select
        summed.customer_id,
        summed.first_order_at,
        summed.last_order_at,
        summed.first_order_date,
        summed.last_order_date,
        summed.order_count,
        summed.net_revenue,
        summed.gross_margin,
        {{ from_cents(pro_rata(to_cents('summed.net_revenue'), '1', 'summed.order_count')) }}
            as average_order_value,
        {{ date_diff_days('summed.last_order_date', as_of()) }} as days_since_last_order,
        {{ safe_ratio(
            date_diff_days('summed.first_order_date', 'summed.last_order_date'),
            '(summed.order_count - 1)'
        ) }} as purchase_interval_days,
        last_gaps.last_gap_days,
        case
            when summed.order_count = 1 then '1'
            when summed.order_count <= 3 then '2-3'
            else '4+'
        end as frequency_band
    from summed
    inner join last_gaps
        on summed.customer_id = last_gaps.customer_id
)

select * from final
