with

declared as (
    select
        c.campaign_id,
        c.name,
        w.channel,
        c.channel is not null as has_word,
        c.starts_on,
        c.ends_on,
        c.budget
    from {{ ref('stg_marketing__campaigns') }} as c
    left join {{ ref('int_channel_words') }} as w on {{ channel_word('c.channel') }} = w.word
),

named as (
    select
        campaign_id,
        max(case when is_declared then 1 else 0 end) as is_declared
    from {{ ref('int_campaigns_named') }}
    group by campaign_id
),

counted as (
    select
        campaign_id,
        channel,
        count(*) as touches
    from {{ ref('touchpoints') }}
    where campaign_id is not null
    group by campaign_id, channel
),

ranked as (
    select
        campaign_id,
        channel,
        row_number() over (
            partition by campaign_id order by touches desc, channel asc
        ) as place
    from counted
),

final as (
    select
        n.campaign_id,
        n.is_declared = 1 as is_declared,
        coalesce(d.name, n.campaign_id) as name,
        case
            when d.has_word then coalesce(d.channel, 'unassigned')
            else coalesce(r.channel, 'unassigned')
        end as channel,
        d.starts_on,
        d.ends_on,
        d.budget
    from named as n
    left join declared as d on n.campaign_id = d.campaign_id
    left join ranked as r on n.campaign_id = r.campaign_id and r.place = 1
)

select * from final
