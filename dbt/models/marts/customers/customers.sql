with

customers as (
    select customer_id from {{ source('identity', 'customers') }}
),

acquired as (
    select * from {{ ref('int_customers_acquired') }}
),

purchased as (
    select * from {{ ref('int_customers_purchased') }}
),

scored as (
    select * from {{ ref('int_customers_scored') }}
),

favoured as (
    select * from {{ ref('int_customers_favoured') }}
),

served as (
    select * from {{ ref('int_customers_served') }}
),

reasoned as (
    select * from {{ ref('int_customers_reasoned') }}
),

places as (
    select
        customer_id,
        city,
        region,
        country
    from {{ ref('customer_contacts') }}
),

permitted as (
    select * from {{ ref('int_customers_permitted') }}
),

predicted as (
    select * from {{ ref('int_customers_predicted') }}
),

dealt as (
    select * from {{ ref('int_customers_dealt') }}
),

final as (
    select
        customers.customer_id,
        acquired.first_seen_at,
        acquired.acquisition_channel,
        acquired.acquisition_source,
        coalesce(scored.lifecycle_stage, 'lead') as lifecycle_stage,
        purchased.first_order_at,
        purchased.last_order_at,
        coalesce(purchased.order_count, 0) as order_count,
        coalesce(purchased.net_revenue, 0) as net_revenue,
        case
            when purchased.customer_id is null then cast(0 as decimal(18, 2))
            else purchased.gross_margin
        end as gross_margin,
        purchased.average_order_value,
        purchased.days_since_last_order,
        purchased.purchase_interval_days,
        favoured.favourite_category,
        favoured.favourite_channel,
        favoured.favourite_weekday,
        favoured.favourite_hour,
        reasoned.declared_reason,
        reasoned.declared_in as declared_reason_in,
        reasoned.declared_at as declared_reason_at,
        coalesce(dealt.won_deal_count, 0) as won_deal_count,
        cast(coalesce(dealt.won_deal_amount, 0) as decimal(18, 2)) as won_deal_amount,
        cast(coalesce(dealt.open_deal_amount, 0) as decimal(18, 2)) as open_deal_amount,
        places.city,
        places.region,
        places.country,
        coalesce(served.call_count, 0) as call_count,
        coalesce(served.open_ticket_count, 0) as open_ticket_count,
        served.last_nps_score,
        served.last_csat_score,
        scored.recency_score,
        scored.frequency_score,
        scored.monetary_score,
        scored.rfm_segment,
        scored.value_tier,
        predicted.persona,
        predicted.p_alive,
        predicted.predicted_12m_value,
        predicted.churn_probability,
        predicted.next_order_expected_date,
        coalesce(permitted.can_email, false) as can_email,
        coalesce(permitted.can_sms, false) as can_sms,
        coalesce(permitted.can_call, false) as can_call,
        coalesce(permitted.is_profiling_withdrawn, false) as is_profiling_withdrawn
    from customers
    left join acquired
        on customers.customer_id = acquired.customer_id
    left join purchased
        on customers.customer_id = purchased.customer_id
    left join scored
        on customers.customer_id = scored.customer_id
    left join favoured
        on customers.customer_id = favoured.customer_id
    left join served
        on customers.customer_id = served.customer_id
    left join reasoned
        on customers.customer_id = reasoned.customer_id
    left join places
        on customers.customer_id = places.customer_id
    left join permitted
        on customers.customer_id = permitted.customer_id
    left join predicted
        on customers.customer_id = predicted.customer_id
    left join dealt
        on customers.customer_id = dealt.customer_id
)

select * from final
