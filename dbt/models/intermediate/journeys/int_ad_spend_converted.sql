-- Spend in the reporting currency, under the channel that the marketing system's word means.
-- A day without a rate leaves spend NULL: no guess is added to a total, and int_missing_rates stops
-- the run.
{{ keeps_changes() }}
with

spend as (
    select * from {{ ref('stg_marketing__ad_spend') }}
),

rates as (
    select * from {{ ref('int_money_rates') }}
),

final as (
    select
        s.spend_date,
        {{ month_start('s.spend_date') }} as month,
        coalesce(w.channel, 'unassigned') as channel,
        s.channel as channel_word,
        coalesce(n.campaign_id, '(none)') as campaign_id,
        s.impressions,
        s.clicks,
        case
            when s.currency is null then s.cost
            else {{ convert_money('s.cost', 'r.rate') }}
        end as spend
    from spend as s
    left join rates as r
        on
            s.currency = r.from_currency
            and s.spend_date between r.valid_from and r.valid_to
    left join {{ ref('int_channel_words') }} as w on {{ channel_word('s.channel') }} = w.word
    left join {{ ref('int_campaigns_named') }} as n
        on {{ campaign_text('s.campaign_id') }} = n.campaign_text
)

select * from final
