-- The rate of every currency on every day on which it has an amount. Amounts join on equality, so
-- that a million orders meet as many rows and not the whole history of rates.
with

rates as (
    select * from {{ ref('int_money_rates') }}
),

orders as (
    select
        currency,
        {{ business_date('ordered_at') }} as money_date
    from {{ ref('stg_shop__orders') }}
    where currency is not null
),

deals as (
    select
        currency,
        money_date
    from {{ ref('int_deals_dated') }}
    where
        currency is not null
        and amount is not null
),

ad_spend as (
    select
        currency,
        spend_date as money_date
    from {{ ref('stg_marketing__ad_spend') }}
    where currency is not null
),

days as (
    select * from orders

    union

    select * from deals

    union

    select * from ad_spend
),

final as (
    select
        days.currency,
        days.money_date,
        rates.rate
    from days
    left join rates
        on
            days.currency = rates.from_currency
            and days.money_date between rates.valid_from and rates.valid_to
)

select * from final
