-- What the Markov chain credits to each touch of a sale with several channels: it weighs channels by
-- all journeys, so that one journey more moves every such sale. Among touches of one channel it
-- shares equally, as the linear model does.
with

effects as (
    select
        channel,
        removal_effect
    from {{ source('predictions', 'channel_removal_effects') }}
),

touches as (
    select
        c.order_id,
        c.position,
        c.path_length,
        c.channel,
        c.cents,
        coalesce(e.removal_effect, 0) as removal_effect
    from {{ ref('int_attribution_credits') }} as c
    left join effects as e on c.channel = e.channel
    where c.channel_count > 1
),

summed as (
    select
        *,
        sum(removal_effect) over (partition by order_id) as effect_total
    from touches
),

-- A channel on a sale's path always has an effect: without one the table is empty, and equal shares
-- keep the sale whole.
weighed as (
    select
        *,
        case
            when effect_total > 0 then removal_effect / effect_total
            else 1e0 / path_length
        end as weight
    from summed
),

running as (
    select
        *,
        sum(weight) over (
            partition by order_id order by position rows between unbounded preceding and current row
        ) as weight_running
    from weighed
),

rounded as (
    select
        order_id,
        position,
        channel,
        {{ rounded('weight', 12) }} as credit_markov,
        case
            when position = path_length then cents
            else cast(round({{ rounded('cents * weight_running', 6) }}, 0) as bigint)
        end as cents_running
    from running
),

final as (
    select
        order_id,
        position,
        channel,
        credit_markov,
        cents_running - coalesce(
            lag(cents_running) over (partition by order_id order by position), 0
        ) as cents_markov
    from rounded
)

select * from final
