-- Every text that a record may carry for a campaign, and the campaign that it means: its id, its
-- name, or a utm tag. An id wins over a name, and what was declared over what was only named; of
-- campaigns with one name the one that started last, then the smallest id. A tag that nobody
-- declared is a campaign of its own.
{{ keeps_changes() }}
with

identified as (
    select campaign_id from {{ ref('stg_marketing__campaigns') }}

    union

    select campaign_id from {{ ref('stg_marketing__ad_spend') }}
),

mentioned as (
    select campaign_id from {{ ref('stg_marketing__messages') }}

    union

    select campaign_id from {{ ref('stg_call_center__calls') }}

    union

    select campaign_id from {{ ref('stg_crm__deals') }}

    union

    select campaign as campaign_id from {{ ref('int_sessions_identified') }}
),

texts as (
    select
        {{ campaign_text('campaign_id') }} as campaign_text,
        campaign_id,
        true as is_declared,
        1 as preference,
        cast(null as date) as starts_on
    from identified

    union all

    select
        {{ campaign_text('name') }} as campaign_text,
        campaign_id,
        true as is_declared,
        2 as preference,
        starts_on
    from {{ ref('stg_marketing__campaigns') }}

    union all

    select
        {{ campaign_text('campaign_id') }} as campaign_text,
        trim(campaign_id) as campaign_id,
        false as is_declared,
        3 as preference,
        cast(null as date) as starts_on
    from mentioned
),

ranked as (
    select
        *,
        row_number() over (
            partition by campaign_text
            order by preference asc, starts_on desc nulls last, campaign_id asc
        ) as choice
    from texts
    where campaign_text is not null
),

final as (
    select
        campaign_text,
        campaign_id,
        is_declared
    from ranked
    where choice = 1
)

select * from final
