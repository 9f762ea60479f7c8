-- Written by make contracts: change dagster_project/contracts/marketing.yml instead.
{% call increment_by('message_id') %}
select message_id from {{ new_records_of('marketing', 'messages') }} as added

union all

select message_id from {{ source('marketing', 'messages') }} as dated where {{ may_have_crossed('occurred_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('marketing', 'messages') }}
    where {{ is_within('message_id') }}
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
