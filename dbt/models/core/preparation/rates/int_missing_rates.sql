-- Days on which an amount that counts cannot be converted. Any row stops the run before it
-- publishes.
select
    currency,
    money_date,
    amounts_read as amounts
from {{ ref('int_money_daily_rates') }}
where
    rate is null
    and amounts_read > 0
