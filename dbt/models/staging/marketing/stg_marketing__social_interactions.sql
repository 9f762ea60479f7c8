-- Written by make contracts: change dagster_project/contracts/marketing.yml instead.
with

delivered as (
    select * from {{ source('marketing', 'social_interactions') }}
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
