-- The amounts that were delivered in a currency: which days each has, how many, and whether any of
-- them counts. A cancelled order, one below zero, and a deal that is no sale bring no revenue.
with

orders as (
    select
        currency,
        {{ business_date('ordered_at') }} as money_date,
        status in ('paid', 'shipped', 'completed', 'refunded')
        and coalesce(total_amount, 0) >= 0 as is_read
    from {{ ref('stg_shop__orders') }}
    where currency is not null
),

deals as (
    select
        currency,
        money_date,
        status = 'won'
        and amount >= 0
        and {{ won_deals_are_sales() }} as is_read
    from {{ ref('int_deals_dated') }}
    where
        currency is not null
        and amount is not null
),

ad_spend as (
    select
        currency,
        spend_date as money_date,
        true as is_read
    from {{ ref('stg_marketing__ad_spend') }}
    where currency is not null
),

amounts as (
    select * from orders

    union all

    select * from deals

    union all

    select * from ad_spend
),

final as (
    select
        currency,
        money_date,
        count(*) as amounts,
        {{ count_if('is_read') }} as amounts_read
    from amounts
    group by
        currency,
        money_date
)

select * from final
