-- Every journey once, its path written four ways, and what came of it.
with

steps as (
    select * from {{ ref('int_journey_steps') }}
),

sales as (
    select
        order_id,
        customer_id,
        visitor_id,
        ordered_at,
        {{ to_cents('coalesce(net_revenue, 0)') }} as cents
    from {{ ref('orders') }}
    where is_sale
),

touches as (
    select
        touchpoint_id,
        customer_id,
        visitor_id
    from {{ ref('touchpoints') }}
),

paths as (
    select
        journey_id,
        outcome,
        min(order_id) as order_id,
        count(*) as touch_count,
        min(touched_at) as first_touched_at,
        min(case when position = 1 then touchpoint_id end) as first_touchpoint_id,
        {{ string_agg('channel', ' > ', 'position') }} as path_unique,
        {{ string_agg(
            "case when previous_channel is null or previous_channel <> channel then channel end",
            ' > ', 'position'
        ) }} as path_exposure,
        {{ string_agg("case when channel_visit = 1 then channel end", ' > ', 'position') }}
            as path_first,
        {{ string_agg(
            "case when channel_visit = 1 then concat(channel, '(', cast(channel_visits as "
            ~ dbt.type_string() ~ "), ')') end",
            ' > ', 'position'
        ) }} as path_frequency
    from steps
    group by journey_id, outcome
),

-- How far the models are apart: the largest difference that any channel's credit for the sale
-- shows between two models.
channel_credits as (
    select
        order_id,
        channel,
        {%- for model in attribution_models() %}
        sum(credit_{{ model }}) as credit_{{ model }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref('int_attribution_credits') }}
    group by order_id, channel
),

spreads as (
    select
        order_id,
        max(
            greatest(
                {%- for model in attribution_models() %}
                credit_{{ model }}{{ "," if not loop.last }}
                {%- endfor %}
            )
            - least(
                {%- for model in attribution_models() %}
                credit_{{ model }}{{ "," if not loop.last }}
                {%- endfor %}
            )
        ) as credit_spread
    from channel_credits
    group by order_id
),

sold as (
    select
        concat('sale:', s.order_id) as journey_id,
        'sale' as outcome,
        s.order_id,
        case
            when s.customer_id is not null then concat('customer:', s.customer_id)
            when s.visitor_id is not null then concat('visitor:', s.visitor_id)
            else concat('order:', s.order_id)
        end as person,
        coalesce(p.touch_count, 0) as touch_count,
        {{ date_diff_seconds('p.first_touched_at', 's.ordered_at') }} / 86400e0 as days,
        s.cents,
        d.credit_spread,
        coalesce(p.path_unique, '(none)') as path_unique,
        coalesce(p.path_exposure, '(none)') as path_exposure,
        coalesce(p.path_first, '(none)') as path_first,
        coalesce(p.path_frequency, '(none)') as path_frequency
    from sales as s
    left join paths as p on s.order_id = p.order_id
    left join spreads as d on s.order_id = d.order_id
),

lost as (
    select
        p.journey_id,
        'loss' as outcome,
        p.order_id,
        case
            when t.customer_id is not null then concat('customer:', t.customer_id)
            else concat('visitor:', t.visitor_id)
        end as person,
        p.touch_count,
        cast(null as double) as days,
        cast(0 as bigint) as cents,
        cast(null as double) as credit_spread,
        p.path_unique,
        p.path_exposure,
        p.path_first,
        p.path_frequency
    from paths as p
    inner join touches as t on p.first_touchpoint_id = t.touchpoint_id
    where p.outcome = 'loss'
),

final as (
    select * from sold

    union all

    select * from lost
)

select * from final
