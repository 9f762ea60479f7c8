with

summed as (
    select
        month,
        channel,
        campaign_id,
        sum(spend) as spend,
        sum(impressions) as impressions,
        sum(clicks) as clicks
    from {{ ref('int_ad_spend_converted') }}
    group by month, channel, campaign_id
),

final as (
    select
        month,
        channel,
        campaign_id,
        cast(spend as decimal(18, 2)) as spend,
        cast(coalesce(impressions, 0) as bigint) as impressions,
        cast(coalesce(clicks, 0) as bigint) as clicks
    from summed
)

select * from final
