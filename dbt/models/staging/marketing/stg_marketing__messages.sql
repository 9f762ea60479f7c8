-- Written by make contracts: change dagster_project/contracts/marketing.yml instead.
with

delivered as (
    select * from {{ source('marketing', 'messages') }}
),

newest as (
    {{ newest_version('delivered', ['message_id', 'event']) }}
)

select
    message_id,
    event,
    medium,
    occurred_at,
    campaign_id,
    contact_id,
    account_id,
    email,
    phone
from newest
where {{ not_after_as_of('occurred_at') }}
