-- Written by make contracts: change dagster_project/contracts/marketing.yml instead.
{% call increment_by('interaction_id') %}
select interaction_id from {{ new_records_of('marketing', 'social_interactions') }} as added

union all

select interaction_id from {{ source('marketing', 'social_interactions') }} as dated where {{ may_have_crossed('occurred_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('marketing', 'social_interactions') }}
    where {{ is_within('interaction_id') }}
),

newest as (
    {{ newest_version('delivered', ['interaction_id']) }}
)

select
    interaction_id,
    platform,
    kind,
    occurred_at,
    body,
    handle,
    contact_id,
    account_id,
    email
from newest
where {{ not_after_as_of('occurred_at') }}
