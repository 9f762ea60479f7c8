-- The only way from schema predictions to a mart about people: who withdrew the consent to be
-- profiled has no row.
with

customer_values as (
    select * from {{ source('predictions', 'customer_values') }}
),

personas as (
    select * from {{ source('predictions', 'personas') }}
),

profiled as (
    select customer_id from {{ ref('int_customers_permitted') }}
    where not is_profiling_withdrawn
),

final as (
    select
        customer_values.customer_id,
        customer_values.p_alive,
        customer_values.expected_orders_12m,
        customer_values.expected_order_value,
        customer_values.predicted_12m_value,
        customer_values.value_method,
        customer_values.churn_probability,
        customer_values.repurchase_probability,
        customer_values.next_order_expected_date,
        customer_values.next_order_late_date,
        personas.persona,
        personas.persona_label
    from customer_values
    inner join profiled
        on customer_values.customer_id = profiled.customer_id
    left join personas
        on customer_values.customer_id = personas.customer_id
)

select * from final
