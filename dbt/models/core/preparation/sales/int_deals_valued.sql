-- Deals with their customer and their amount in the reporting currency.
{{ keeps_changes() }}
with

deals as (
    select * from {{ ref('int_deals_dated') }}
),

final as (
    select
        d.deal_id,
        {{ owner_by({'contact': 'd.contact_id'}) }} as customer_id,
        d.pipeline,
        d.stage,
        d.owner_id,
        d.campaign_id,
        d.status,
        d.created_at,
        d.closed_at,
        d.currency,
        case when d.currency is null then cast(1 as decimal(18, 9)) else r.rate end as rate,
        case
            when d.currency is null then d.amount
            else {{ convert_money('d.amount', 'r.rate') }}
        end as amount
    from deals as d
    {{ join_owners({'contact': 'd.contact_id'}) }}
    left join {{ ref('int_money_daily_rates') }} as r
        on d.currency = r.currency and d.money_date = r.money_date
)

select * from final
