-- Written by make contracts: change dagster_project/contracts/marketing.yml instead.
{% call increment_by('campaign_id') %}
select campaign_id from {{ new_records_of('marketing', 'campaigns') }} as added
{% endcall %}
with

delivered as (
    select * from {{ source('marketing', 'campaigns') }}
    where {{ is_within('campaign_id') }}
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
