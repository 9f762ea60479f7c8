-- Rates into the reporting currency, each with the days on which it is the one to use. A rate
-- serves until the next one, and 7 days at most. A rate delivered the other way round is inverted
-- when that day has none; there are no cross rates.
with

parameters as (
    select * from {{ source('control', 'parameters') }}
),

exchange_rates as (
    select * from {{ ref('stg_shop__exchange_rates') }}
),

currencies as (
    select
        currency,
        sum(amounts_read) > 0 as is_read
    from {{ ref('int_money_amounts') }}
    group by currency
),

-- The only one of the amounts that count; where none counts, the only one.
only_currency as (
    select
        case
            when {{ count_if('is_read') }} = 1 then max(case when is_read then currency end)
            when {{ count_if('is_read') }} = 0 and count(*) = 1 then max(currency)
        end as currency
    from currencies
),

reporting as (
    select coalesce(parameters.currency, only_currency.currency) as currency
    from parameters
    cross join only_currency
),

quoted as (
    select
        exchange_rates.from_currency,
        exchange_rates.rate_date,
        exchange_rates.rate,
        0 as is_inverse
    from exchange_rates
    inner join reporting
        on exchange_rates.to_currency = reporting.currency
    where exchange_rates.from_currency <> exchange_rates.to_currency

    union all

    select
        exchange_rates.to_currency as from_currency,
        exchange_rates.rate_date,
        -- The inverse of less fits no rate.
        case
            when exchange_rates.rate >= 0.0000001
                then cast(1 / exchange_rates.rate as decimal(18, 9))
        end as rate,
        1 as is_inverse
    from exchange_rates
    inner join reporting
        on exchange_rates.from_currency = reporting.currency
    where
        exchange_rates.from_currency <> exchange_rates.to_currency
        and exchange_rates.rate > 0
),

ranked as (
    select
        from_currency,
        rate_date,
        rate,
        row_number() over (
            partition by from_currency, rate_date
            order by is_inverse
        ) as preference
    from quoted
    where rate > 0
),

dated as (
    select
        from_currency,
        rate_date,
        rate,
        lead(rate_date) over (
            partition by from_currency
            order by rate_date
        ) as next_rate_date
    from ranked
    where preference = 1
),

final as (
    select
        from_currency,
        rate_date as valid_from,
        least(
            {{ add_days('rate_date', 7) }},
            coalesce({{ add_days('next_rate_date', -1) }}, {{ add_days('rate_date', 7) }})
        ) as valid_to,
        rate
    from dated

    union all

    select
        currency as from_currency,
        cast('1900-01-01' as date) as valid_from,
        cast('9999-12-31' as date) as valid_to,
        cast(1 as decimal(18, 9)) as rate
    from reporting
    where currency is not null
)

select * from final
