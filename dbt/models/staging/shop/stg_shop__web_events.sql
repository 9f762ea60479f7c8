-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
{% call increment_by('event_id') %}
select event_id from {{ new_records_of('shop', 'web_events') }} as added

union all

select event_id from {{ source('shop', 'web_events') }} as dated where {{ may_have_crossed('occurred_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('shop', 'web_events') }}
    where {{ is_within('event_id') }}
),

newest as (
    {{ newest_version('delivered', ['event_id']) }}
)

select
    event_id,
    visitor_id,
    account_id,
    occurred_at,
    event_name,
    page_path,
    product_id,
    order_id,
    utm_source,
    utm_medium,
    utm_campaign,
    referrer,
    device,
    country
from newest
where {{ not_after_as_of('occurred_at') }}
