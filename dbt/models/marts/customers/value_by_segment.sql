{%- set dimensions = {
    'all': "'all'",
    'acquisition_channel': 'customers.acquisition_channel',
    'first_category': 'begun.first_category',
    'region': 'customers.region',
    'rfm_segment': 'customers.rfm_segment',
    'value_tier': 'customers.value_tier',
} -%}
with

customers as (
    select
        customer_id,
        acquisition_channel,
        region,
        rfm_segment,
        value_tier,
        order_count,
        net_revenue,
        predicted_12m_value
    from {{ ref('customers') }}
    where order_count > 0
),

begun as (
    select
        customer_id,
        first_category
    from {{ ref('int_customers_begun') }}
),

months as (
    select
        customer_id,
        count(*) as active_months
    from {{ ref('int_customer_months_summed') }}
    group by customer_id
),

-- Days from the first sale to the second, of those who came back.
returns as (
    select
        customer_id,
        days_since_previous_order as days_to_return
    from {{ ref('orders') }}
    where order_number = 2
),

dimensions as (
    {%- for dimension in dimensions %}
    select '{{ dimension }}' as dimension{{ " union all" if not loop.last }}
    {%- endfor %}
),

cut as (
    select
        dimensions.dimension,
        coalesce(
            case dimensions.dimension
                {%- for dimension, column in dimensions.items() %}
                when '{{ dimension }}' then {{ column }}
                {%- endfor %}
            end,
            '(none)'
        ) as dimension_value,
        customers.order_count,
        customers.net_revenue,
        customers.predicted_12m_value,
        months.active_months,
        returns.days_to_return
    from customers
    left join begun on customers.customer_id = begun.customer_id
    left join months on customers.customer_id = months.customer_id
    left join returns on customers.customer_id = returns.customer_id
    cross join dimensions
),

summed as (
    select
        dimension,
        dimension_value,
        count(*) as customers,
        sum(order_count) as orders,
        sum(net_revenue) as net_revenue,
        sum(active_months) as active_months,
        count(predicted_12m_value) as predicted_customers,
        sum(predicted_12m_value) as predicted_value,
        count(days_to_return) as returned_customers,
        {{ percentile('days_to_return', 0.5) }} as half_days,
        {{ percentile('days_to_return', 0.9) }} as most_days
    from cut
    group by dimension, dimension_value
),

final as (
    select
        dimension,
        dimension_value,
        dimension = 'all' as is_total,
        customers,
        cast(orders as bigint) as orders,
        cast(net_revenue as decimal(18, 2)) as net_revenue,
        cast(active_months as bigint) as active_months,
        {{ rounded(safe_ratio('net_revenue', 'active_months'), 6) }} as monthly_revenue,
        {{ rounded(safe_ratio('active_months', 'customers'), 6) }} as lifetime_months,
        {{ rounded(safe_ratio('net_revenue', 'customers'), 6) }} as ltv_simple,
        {{ rounded(safe_ratio('net_revenue', 'orders'), 6) }} as average_order_value,
        predicted_customers,
        {{ rounded(safe_ratio('predicted_value', 'predicted_customers'), 6) }} as mean_predicted_12m_value,
        returned_customers,
        {{ rounded(safe_ratio('returned_customers', 'customers'), 6) }} as repurchase_rate,
        {{ rounded('cast(half_days as double)', 1) }} as repurchase_days_half,
        {{ rounded('cast(most_days as double)', 1) }} as repurchase_days_nine_tenths
    from summed
)

select * from final
