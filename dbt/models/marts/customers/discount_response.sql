-- What discounts brought. A discounted sale is compared with sales at full price of the same month
-- by buyers who were in the same segment before it: good customers come back with or without.
with

segments as (
    select
        customer_id,
        {{ add_months('month', 1) }} as month,
        rfm_segment
    from {{ ref('int_segments_monthly') }}
),

sales as (
    select
        d.*,
        {{ month_start('d.order_date') }} as month,
        lead(d.order_date) over (
            partition by d.customer_id order by d.order_number
        ) as next_order_date
    from {{ ref('int_sales_discounted') }} as d
),

described as (
    select
        s.order_id,
        s.customer_id,
        s.month,
        s.is_discounted,
        s.coupon_code,
        s.net_revenue,
        s.gross_margin,
        s.discount_amount,
        s.margin_given_away,
        case
            when s.customer_id is null then '(unknown)'
            else coalesce(g.rfm_segment, '(first month)')
        end as segment,
        s.customer_id is not null
        and {{ date_diff_days('s.order_date', as_of()) }} >= {{ var('discount_repeat_days') }}
            as is_followed,
        case
            when
                s.customer_id is not null
                and {{ date_diff_days('s.order_date', 's.next_order_date') }}
                <= {{ var('discount_repeat_days') }}
                then 1
            else 0
        end as is_repeated
    from sales as s
    left join segments as g on s.customer_id = g.customer_id and s.month = g.month
    where s.month >= {{ add_months(month_start(add_days(as_of(), 1)), -12) }}
),

full_price as (
    select
        month,
        segment,
        cast(sum(is_repeated) as double) / count(*) as repeat_rate
    from described
    where is_followed and not is_discounted
    group by month, segment
),

uses as (
    select
        coupon_code,
        count(*) as uses
    from described
    where coupon_code is not null
    group by coupon_code
),

compared as (
    select
        d.*,
        case
            when d.coupon_code is null then '(no coupon)'
            when u.uses >= {{ var('coupon_min_uses') }} then d.coupon_code
            else '(other coupons)'
        end as coupon,
        case when d.is_followed then f.repeat_rate end as repeat_rate_without
    from described as d
    left join full_price as f on d.month = f.month and d.segment = f.segment
    left join uses as u on d.coupon_code = u.coupon_code
    where d.is_discounted
),

summed as (
    select
        segment,
        coupon,
        count(*) as redemptions,
        count(distinct customer_id) as customers,
        cast(sum(net_revenue) as decimal(18, 2)) as net_revenue,
        cast(sum(discount_amount) as decimal(18, 2)) as discount_amount,
        cast(sum(margin_given_away) as decimal(18, 2)) as margin_given_away,
        count(gross_margin) as costed_sales,
        cast(coalesce(sum(gross_margin), 0) as decimal(18, 2)) as gross_margin,
        {{ count_if('is_followed') }} as followed_sales,
        {{ count_if('is_followed and is_repeated = 1') }} as repeated_sales,
        count(repeat_rate_without) as matched_sales,
        {{ count_if('repeat_rate_without is not null and is_repeated = 1') }}
            as matched_repeated_sales,
        sum(repeat_rate_without) as expected_repeated_sales
    from compared
    group by segment, coupon
),

final as (
    select
        segment,
        coupon,
        redemptions,
        customers,
        net_revenue,
        discount_amount,
        margin_given_away,
        costed_sales,
        gross_margin,
        followed_sales,
        repeated_sales,
        {{ safe_ratio('repeated_sales', 'followed_sales') }} as repeat_rate,
        matched_sales,
        matched_repeated_sales,
        coalesce(expected_repeated_sales, 0) as expected_repeated_sales,
        {{ safe_ratio('matched_repeated_sales', 'matched_sales') }} as matched_repeat_rate,
        {{ safe_ratio('expected_repeated_sales', 'matched_sales') }} as repeat_rate_without,
        {{ safe_ratio('matched_repeated_sales - expected_repeated_sales', 'matched_sales') }}
            as repeat_rate_difference
    from summed
)

select * from final
