with

customers as (
    select
        customer_id,
        value_tier,
        order_count,
        net_revenue
    from {{ ref('customers') }}
),

predicted as (
    select * from {{ ref('int_customers_predicted') }}
),

final as (
    select
        customers.customer_id,
        customers.value_tier,
        customers.order_count,
        customers.net_revenue as ltv_to_date,
        predicted.p_alive,
        predicted.expected_orders_12m,
        predicted.expected_order_value,
        predicted.predicted_12m_value,
        predicted.value_method,
        predicted.churn_probability,
        predicted.repurchase_probability,
        predicted.next_order_expected_date,
        predicted.next_order_late_date
    from customers
    left join predicted
        on customers.customer_id = predicted.customer_id
)

select * from final
