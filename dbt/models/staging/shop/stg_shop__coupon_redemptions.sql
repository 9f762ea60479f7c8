-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
{% call increment_by('redemption_id') %}
select redemption_id from {{ new_records_of('shop', 'coupon_redemptions') }} as added

union all

select redemption_id from {{ source('shop', 'coupon_redemptions') }} as dated where {{ may_have_crossed('redeemed_at') }}
{% endcall %}
with

delivered as (
    select * from {{ source('shop', 'coupon_redemptions') }}
    where {{ is_within('redemption_id') }}
),

newest as (
    {{ newest_version('delivered', ['redemption_id']) }}
)

select
    redemption_id,
    coupon_code,
    order_id,
    account_id,
    redeemed_at,
    discount_amount,
    campaign_id
from newest
where {{ not_after_as_of('redeemed_at') }}
