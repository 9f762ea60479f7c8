-- The rate of every currency on every day on which it has an amount. Amounts join on equality, so
-- that a million orders meet as many rows and not the whole history of rates.
{{ keeps_changes() }}
select
    days.currency,
    days.money_date,
    rates.rate,
    days.amounts,
    days.amounts_read
from {{ ref('int_money_amounts') }} as days
left join {{ ref('int_money_rates') }} as rates
    on
        days.currency = rates.from_currency
        and days.money_date between rates.valid_from and rates.valid_to
