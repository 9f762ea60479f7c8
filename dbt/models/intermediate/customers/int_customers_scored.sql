-- RFM scores, value tier and lifecycle stage of customers with a sale.
with

customers as (
    select * from {{ ref('int_customers_purchased') }}
),

gaps as (
    select * from {{ ref('int_purchase_gaps_measured') }}
),

segments as (
    select * from {{ ref('rfm_segments') }}
),

margins as (
    select count(*) = count(gross_margin) as is_margin_known
    from customers
),

-- Tiers follow margin where it is known of everybody, else net revenue: half a ranking by each
-- would rank nothing.
measured as (
    select
        *,
        case when is_margin_known then gross_margin else net_revenue end as value_measure
    from customers
    cross join margins
),

scored as (
    select
        *,
        {{ rfm_score('days_since_last_order desc') }} as recency_score,
        {{ rfm_score('order_count') }} as frequency_score,
        {{ rfm_score('net_revenue') }} as monetary_score,
        sum(greatest(value_measure, 0)) over () as total_value,
        sum(greatest(value_measure, 0)) over (
            order by value_measure desc
            range between unbounded preceding and current row
        ) as value_so_far,
        sum(greatest(value_measure, 0)) over (partition by value_measure) as value_of_equals
    from measured
),

final as (
    select
        scored.customer_id,
        scored.recency_score,
        scored.frequency_score,
        scored.monetary_score,
        segments.segment as rfm_segment,
        case
            when scored.value_measure <= 0 then 'C'
            when (scored.value_so_far - scored.value_of_equals) * 100 < scored.total_value * 80 then 'A'
            when (scored.value_so_far - scored.value_of_equals) * 100 < scored.total_value * 95 then 'B'
            else 'C'
        end as value_tier,
        case
            when
                scored.order_count = 1
                and scored.days_since_last_order <= {{ var('new_customer_days') }}
                then 'new'
            when scored.days_since_last_order > gaps.p90_days then 'lapsed'
            when scored.days_since_last_order > gaps.median_days then 'at_risk'
            when scored.last_gap_days > gaps.p90_days then 'reactivated'
            else 'active'
        end as lifecycle_stage
    from scored
    left join gaps
        on scored.frequency_band = gaps.frequency_band
    left join segments
        on
            scored.recency_score = segments.recency_score
            and {{ rfm_value_score('scored.frequency_score', 'scored.monetary_score') }}
            = segments.value_score
)

select * from final
