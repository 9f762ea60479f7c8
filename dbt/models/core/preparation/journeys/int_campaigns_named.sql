-- Every text that a utm_campaign may carry for a campaign: its id or its name. An id wins over a
-- name; of campaigns with one name the one that started last, then the smallest id.
with

identified as (
    select campaign_id
    from {{ ref('stg_marketing__campaigns') }}

    union

    select campaign_id
    from {{ ref('stg_marketing__ad_spend') }}
    where campaign_id is not null
),

texts as (
    select
        lower(trim(campaign_id)) as campaign_text,
        campaign_id,
        1 as preference,
        cast(null as date) as starts_on
    from identified

    union all

    select
        lower(trim(name)) as campaign_text,
        campaign_id,
        2 as preference,
        starts_on
    from {{ ref('stg_marketing__campaigns') }}
    where name is not null
),

ranked as (
    select
        *,
        row_number() over (
            partition by campaign_text
            order by preference asc, starts_on desc nulls last, campaign_id asc
        ) as choice
    from texts
    where campaign_text <> ''
),

final as (
    select
        campaign_text,
        campaign_id
    from ranked
    where choice = 1
)

select * from final
