-- Written by make contracts: change dagster_project/contracts/marketing.yml instead.
with

delivered as (
    select * from {{ source('marketing', 'campaigns') }}
),

newest as (
    {{ newest_version('delivered', ['campaign_id']) }}
)

select
    campaign_id,
    name,
    channel,
    starts_on,
    ends_on,
    budget
from newest
