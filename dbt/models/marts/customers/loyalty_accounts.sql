{%- set old_from = var('loyalty_notice_days') ~ ' - ' ~ setting('loyalty_point_days') -%}
{%- set compared_from = '-' ~ var('loyalty_comparison_days') -%}
{%- set references = {
    'account': 'l.account_id', 'order': 'l.order_id', 'loyalty_card': 'l.loyalty_card'
} -%}
with

cards as (
    select customer_id
    from {{ ref('int_owners_resolved') }}
    where reference_kind = 'loyalty_card'
),

ledger as (
    select
        {{ owner_by(references) }} as customer_id,
        l.kind,
        l.points,
        l.occurred_at,
        {{ business_date('l.occurred_at') }} as occurred_date
    from {{ ref('stg_shop__loyalty_transactions') }} as l
    {{ join_owners(references) }}
),

-- Without one expired point in the whole ledger, points are not known to expire.
rules as (
    select count(case when kind = 'expire' then 1 end) > 0 as is_expiring from ledger
),

summed as (
    select
        customer_id,
        min(occurred_at) as member_since,
        max(occurred_at) as last_transaction_at,
        count(*) as transaction_count,
        sum(points) as points_balance,
        sum(case when kind = 'earn' then points else 0 end) as points_earned,
        -sum(case when kind = 'redeem' then points else 0 end) as points_redeemed,
        -sum(case when kind = 'expire' then points else 0 end) as points_expired,
        sum(
            case
                when kind = 'earn' and occurred_date > {{ add_days(as_of(), '-365') }} then points
                else 0
            end
        ) as points_earned_12m,
        -- What the next 30 days would take: old points that nothing was paid with, oldest first.
        sum(
            case
                when
                    points < 0
                    or occurred_date <= {{ add_days(as_of(), old_from) }}
                    then points
                else 0
            end
        ) as points_left_of_old
    from ledger
    where customer_id is not null
    group by customer_id
),

members as (
    select customer_id from summed

    union

    select customer_id from cards
),

earners as (
    select
        customer_id,
        rank() over (order by points_earned_12m desc) - 1 as members_above,
        count(*) over () as members
    from summed
    where points_earned_12m > 0
),

-- Members against others who were alike 180 days ago: what did each buy since?
histories as (
    select
        o.customer_id,
        min(o.order_date) as first_date,
        sum(
            case
                when
                    o.order_date > {{ add_days(as_of(), compared_from ~ ' - 365') }}
                    and o.order_date <= {{ add_days(as_of(), compared_from) }}
                    then o.net_revenue
                else 0
            end
        ) as prior_revenue,
        sum(
            case
                when o.order_date > {{ add_days(as_of(), compared_from) }} then o.net_revenue
                else 0
            end
        ) as later_revenue
    from {{ ref('orders') }} as o
    where o.is_sale and o.customer_id is not null
    group by o.customer_id
    having min(o.order_date) <= {{ add_days(as_of(), compared_from) }}
),

banded as (
    select
        customer_id,
        later_revenue,
        {{ rfm_score('prior_revenue') }} as prior_value_band,
        case
            when first_date > {{ add_days(as_of(), compared_from ~ ' - 90') }} then 'under 3 months'
            when first_date > {{ add_days(as_of(), compared_from ~ ' - 365') }} then '3 to 12 months'
            else 'over a year'
        end as tenure_band
    from histories
),

others as (
    select
        b.prior_value_band,
        b.tenure_band,
        count(*) as customers,
        {{ to_cents('sum(b.later_revenue)') }} as later_cents
    from banded as b
    left join members as m on b.customer_id = m.customer_id
    where m.customer_id is null
    group by b.prior_value_band, b.tenure_band
),

compared as (
    select
        b.customer_id,
        b.prior_value_band,
        b.tenure_band,
        b.later_revenue,
        coalesce(o.customers, 0) as matched_customers,
        case
            when o.customers > 0
                then {{ from_cents(pro_rata('o.later_cents', '1', 'o.customers')) }}
        end as matched_revenue
    from banded as b
    inner join summed as s
        on
            b.customer_id = s.customer_id
            and {{ business_date('s.member_since') }} <= {{ add_days(as_of(), compared_from) }}
    left join others as o
        on b.prior_value_band = o.prior_value_band and b.tenure_band = o.tenure_band
),

final as (
    select
        m.customer_id,
        s.member_since,
        s.last_transaction_at,
        coalesce(s.transaction_count, 0) as transaction_count,
        cast(coalesce(s.points_balance, 0) as decimal(18, 3)) as points_balance,
        cast(coalesce(s.points_earned, 0) as decimal(18, 3)) as points_earned,
        cast(coalesce(s.points_redeemed, 0) as decimal(18, 3)) as points_redeemed,
        cast(coalesce(s.points_expired, 0) as decimal(18, 3)) as points_expired,
        cast(coalesce(s.points_earned_12m, 0) as decimal(18, 3)) as points_earned_12m,
        case
            when e.customer_id is null then 'dormant'
            when e.members_above * 100 < e.members * {{ setting('loyalty_gold_percent') }} then 'gold'
            when e.members_above * 100 < e.members * {{ setting('loyalty_silver_percent') }} then 'silver'
            else 'bronze'
        end as tier,
        case
            when r.is_expiring
                then cast(greatest(coalesce(s.points_left_of_old, 0), 0) as decimal(18, 3))
        end as points_expiring_30d,
        c.prior_value_band,
        c.tenure_band,
        cast(c.later_revenue as decimal(18, 2)) as net_revenue_180d,
        c.matched_customers,
        c.matched_revenue as matched_net_revenue_180d
    from members as m
    cross join rules as r
    left join summed as s on m.customer_id = s.customer_id
    left join earners as e on m.customer_id = e.customer_id
    left join compared as c on m.customer_id = c.customer_id
)

select * from final
