-- The textbook figures: removal effects normalised over all channels, and what that share is of all
-- sales that had a touch. Sales without one stand under (none), so that the totals are all sales.
with

effects as (
    select
        e.channel,
        e.removal_effect,
        c.position,
        sum(e.removal_effect) over () as effect_total,
        sum(e.removal_effect) over (
            order by c.position rows between unbounded preceding and current row
        ) as effect_running
    from {{ source('predictions', 'channel_removal_effects') }} as e
    inner join {{ ref('channels') }} as c on e.channel = c.channel
),

sales as (
    select
        sum(case when path_length > 0 then credit_first else 0 end) as touched_sales,
        sum(case when path_length > 0 then cents_first else 0 end) as touched_cents,
        sum(case when path_length = 0 then credit_first else 0 end) as untouched_sales,
        sum(case when path_length = 0 then cents_first else 0 end) as untouched_cents
    from {{ ref('int_attribution_credits') }}
),

shared as (
    select
        e.channel,
        e.removal_effect,
        e.removal_effect / nullif(e.effect_total, 0) as credit_share,
        s.touched_sales,
        e.position,
        case
            when e.position = max(e.position) over () then s.touched_cents
            else
                cast(
                    round({{ rounded('s.touched_cents * (e.effect_running / e.effect_total)', 6) }}, 0)
                    as bigint
                )
        end as running_cents
    from effects as e
    cross join sales as s
    where e.effect_total > 0
),

final as (
    select
        channel,
        {{ rounded('removal_effect', 12) }} as removal_effect,
        {{ rounded('credit_share', 12) }} as credit_share,
        {{ rounded('credit_share * touched_sales', 9) }} as conversions,
        {{ from_cents('running_cents - coalesce(lag(running_cents) over (order by position), 0)') }}
            as revenue
    from shared

    union all

    select
        '(none)' as channel,
        cast(null as double) as removal_effect,
        cast(null as double) as credit_share,
        cast(untouched_sales as double) as conversions,
        {{ from_cents('untouched_cents') }} as revenue
    from sales
    where untouched_sales > 0
)

select * from final
