with

customers as (
    select * from {{ ref('customers') }}
),

people as (
    select
        customer_id,
        case
            when lower(trim(gender)) in ('m', 'male', 'man', 'м', 'муж', 'мужской') then 'male'
            when lower(trim(gender)) in ('f', 'female', 'woman', 'ж', 'жен', 'женский') then 'female'
            else nullif(lower(trim(gender)), '')
        end as gender,
        extract(year from {{ as_of() }}) - extract(year from birth_date)
        - case
            when
                extract(month from {{ as_of() }}) * 100 + extract(day from {{ as_of() }})
                < extract(month from birth_date) * 100 + extract(day from birth_date)
                then 1
            else 0
        end as age
    from {{ ref('customer_contacts') }}
),

predicted as (
    select
        customer_id,
        persona_label
    from {{ ref('int_customers_predicted') }}
),

final as (
    select
        customers.customer_id,
        customers.lifecycle_stage,
        customers.rfm_segment,
        customers.recency_score,
        customers.frequency_score,
        customers.monetary_score,
        customers.value_tier,
        customers.persona,
        predicted.persona_label,
        customers.acquisition_channel,
        people.gender,
        case
            when people.age between 0 and 17 then 'under 18'
            when people.age between 18 and 24 then '18-24'
            when people.age between 25 and 34 then '25-34'
            when people.age between 35 and 44 then '35-44'
            when people.age between 45 and 54 then '45-54'
            when people.age between 55 and 64 then '55-64'
            when people.age between 65 and 120 then '65 and over'
        end as age_band,
        customers.city,
        customers.region,
        customers.country
    from customers
    left join people
        on customers.customer_id = people.customer_id
    left join predicted
        on customers.customer_id = predicted.customer_id
)

select * from final
