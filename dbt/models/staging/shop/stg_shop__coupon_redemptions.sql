-- Written by make contracts: change dagster_project/contracts/shop.yml instead.
with

delivered as (
    select * from {{ source('shop', 'coupon_redemptions') }}
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
