-- Written by make contracts: change dagster_project/contracts/marketing.yml instead.
with

delivered as (
    select * from {{ source('marketing', 'ad_spend') }}
),

newest as (
    {{ newest_version('delivered', ['spend_date', 'channel', 'campaign_id']) }}
)

select
    spend_date,
    channel,
    campaign_id,
    cost,
    currency,
    impressions,
    clicks
from newest
where {{ date_not_after_as_of('spend_date') }}
