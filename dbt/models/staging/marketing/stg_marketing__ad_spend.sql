-- Written by make contracts: change dagster_project/contracts/marketing.yml instead.
{% call increment_by('spend_date') %}
select spend_date from {{ new_records_of('marketing', 'ad_spend') }} as added

union all

select spend_date from {{ source('marketing', 'ad_spend') }} as dated where {{ may_have_crossed('spend_date') }}
{% endcall %}
with

delivered as (
    select * from {{ source('marketing', 'ad_spend') }}
    where {{ is_within('spend_date') }}
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
