-- Where spend and visits do not meet. A campaign's spend is without a visit when no session ever came
-- by the campaign, and a visit of a paid channel without spend when its campaign never cost
-- anything. Spend without a campaign, and visits without one, meet nothing.
with

visited as (
    select distinct campaign_id
    from {{ ref('touchpoints') }}
    where kind = 'session' and campaign_id is not null
),

spent as (
    select distinct campaign_id
    from {{ ref('marketing_spend') }}
    where campaign_id <> '(none)' and spend > 0
),

spend as (
    select
        m.month,
        m.channel,
        m.spend,
        case when v.campaign_id is null then m.spend else 0 end as spend_without_visits
    from {{ ref('marketing_spend') }} as m
    left join visited as v on m.campaign_id = v.campaign_id
),

visits as (
    select
        {{ month_start(business_date('t.touched_at')) }} as month,
        t.channel,
        case when s.campaign_id is null then 1 else 0 end as is_without_spend
    from {{ ref('touchpoints') }} as t
    inner join {{ ref('channels') }} as c on t.channel = c.channel and c.is_paid
    left join spent as s on t.campaign_id = s.campaign_id
    where t.kind = 'session'
),

joined as (
    select
        month,
        channel,
        spend,
        spend_without_visits,
        0 as paid_visits,
        0 as visits_without_spend
    from spend

    union all

    select
        month,
        channel,
        0 as spend,
        0 as spend_without_visits,
        1 as paid_visits,
        is_without_spend as visits_without_spend
    from visits
),

summed as (
    select
        month,
        channel,
        sum(spend) as spend,
        sum(spend_without_visits) as spend_without_visits,
        sum(paid_visits) as paid_visits,
        sum(visits_without_spend) as visits_without_spend
    from joined
    group by month, channel
),

final as (
    select
        month,
        channel,
        cast(spend as decimal(18, 2)) as spend,
        cast(spend_without_visits as decimal(18, 2)) as spend_without_visits,
        cast(paid_visits as bigint) as paid_visits,
        cast(visits_without_spend as bigint) as visits_without_spend,
        {{ rounded(safe_ratio('spend_without_visits', 'spend'), 6) }} as share_of_spend_without_visits,
        {{ rounded(safe_ratio('visits_without_spend', 'paid_visits'), 6) }}
            as share_of_visits_without_spend
    from summed
)

select * from final
