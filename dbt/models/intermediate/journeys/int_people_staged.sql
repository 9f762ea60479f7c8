-- Everybody who was ever seen, customer or visitor without one, and the stages of the hourglass
-- that they reached.
with

customers as (
    select
        everybody.customer_id,
        acquired.first_seen_at,
        acquired.acquisition_channel,
        scored.rfm_segment,
        coalesce(purchased.order_count, 0) as order_count
    from {{ source('identity', 'customers') }} as everybody
    left join {{ ref('int_customers_acquired') }} as acquired
        on everybody.customer_id = acquired.customer_id
    left join {{ ref('int_customers_purchased') }} as purchased
        on everybody.customer_id = purchased.customer_id
    left join {{ ref('int_customers_scored') }} as scored
        on everybody.customer_id = scored.customer_id
),

sessions as (
    select
        customer_id,
        count(*) as session_count,
        max(cart_count) as cart_count
    from {{ ref('int_sessions_identified') }}
    where customer_id is not null
    group by customer_id
),

engaged as (
    select customer_id from sessions
    where session_count >= 2 or cart_count > 0

    union

    select customer_id from {{ ref('touchpoints') }}
    where customer_id is not null and (kind in ('message', 'call') or message_id is not null)
),

categories as (
    select customer_id
    from {{ ref('order_lines') }}
    where customer_id is not null and is_sale and not is_service
    group by customer_id
    having count(distinct category) >= 2
),

members as (
    select customer_id
    from {{ ref('int_owners_resolved') }}
    where reference_kind = 'loyalty_card'

    union

    select {{ owner_by({'account': 'l.account_id'}) }} as customer_id
    from {{ ref('stg_shop__loyalty_transactions') }} as l
    {{ join_owners({'account': 'l.account_id'}) }}
),

-- Who referred somebody else; a person who refers another record of their own is no advocate.
referrals as (
    select
        referrer.customer_id,
        own.customer_id as referred_customer_id
    from {{ ref('stg_crm__contacts') }} as c
    inner join {{ ref('int_owners_resolved') }} as referrer
        on c.referred_by_contact_id = referrer.reference and referrer.reference_kind = 'contact'
    left join {{ ref('int_owners_resolved') }} as own
        on c.contact_id = own.reference and own.reference_kind = 'contact'

    union all

    select
        referrer.customer_id,
        own.customer_id as referred_customer_id
    from {{ ref('stg_shop__accounts') }} as a
    inner join {{ ref('int_owners_resolved') }} as referrer
        on a.referred_by_account_id = referrer.reference and referrer.reference_kind = 'account'
    left join {{ ref('int_owners_resolved') }} as own
        on a.account_id = own.reference and own.reference_kind = 'account'
),

advocates as (
    select customer_id
    from referrals
    where referred_customer_id is null or referred_customer_id <> customer_id

    union

    select customer_id
    from {{ ref('feedback') }}
    where
        customer_id is not null
        and (
            (kind = 'nps' and score >= {{ var('nps_promoter_from') }})
            or (kind = 'review' and score >= {{ var('review_advocate_from') }})
        )
),

known as (
    select
        concat('customer:', c.customer_id) as person,
        c.first_seen_at,
        c.acquisition_channel as channel,
        coalesce(c.rfm_segment, '(none)') as segment,
        1 as is_captured,
        case when e.customer_id is not null or c.order_count >= 1 then 1 else 0 end as is_warm,
        case when c.order_count >= 1 then 1 else 0 end as is_sale,
        case
            when c.order_count >= 2 or (c.order_count >= 1 and g.customer_id is not null) then 1
            else 0
        end as is_upsell,
        case
            when c.order_count >= {{ var('loyal_sales') }} then 1
            when c.order_count >= {{ var('loyal_member_sales') }} and m.customer_id is not null then 1
            else 0
        end as is_loyal,
        case when a.customer_id is not null then 1 else 0 end as is_advocate
    from customers as c
    left join engaged as e on c.customer_id = e.customer_id
    left join categories as g on c.customer_id = g.customer_id
    left join members as m on c.customer_id = m.customer_id
    left join advocates as a on c.customer_id = a.customer_id
),

anonymous as (
    select
        concat('visitor:', visitor_id) as person,
        min(started_at) as first_seen_at,
        {{ arg_min('channel', 'session_number') }} as channel,
        '(none)' as segment,
        0 as is_captured,
        0 as is_warm,
        0 as is_sale,
        0 as is_upsell,
        0 as is_loyal,
        0 as is_advocate
    from {{ ref('int_sessions_identified') }}
    group by visitor_id
    having count(customer_id) = 0
),

final as (
    select * from known

    union all

    select * from anonymous
)

select * from final
