-- Days on which an amount cannot be converted. Any row stops the run before it publishes.
select
    currency,
    money_date
from {{ ref('int_money_daily_rates') }}
where rate is null
