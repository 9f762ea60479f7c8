-- Every journey once, its path written four ways, and what came of it.
{% call increment_by("case outcome when 'sale' then journey_id else person end") %}
select party from {{ changes_of('int_journey_steps') }} as steps

union all

select concat('sale:', order_id) from {{ changes_of('orders') }} as changed
{% endcall %}
with

steps as (
    select * from {{ ref('int_journey_steps') }}
    where {{ is_within('party') }}
),

sales as (
    select
        order_id,
        customer_id,
        visitor_id,
        ordered_at,
        {{ to_cents('coalesce(net_revenue, 0)') }} as cents
    from {{ ref('orders') }}
    where is_sale and {{ is_within("concat('sale:', order_id)") }}
),

-- Most journeys have one touch, and joining texts in order is dear: it is done for the others.
paths as (
    select
        journey_id,
        party,
        outcome,
        order_id,
        1 as touch_count,
        touched_at as first_touched_at,
        channel as path
    from steps
    where touch_count = 1

    union all

    select
        journey_id,
        min(party) as party,
        min(outcome) as outcome,
        min(order_id) as order_id,
        count(*) as touch_count,
        min(touched_at) as first_touched_at,
        {{ string_agg('channel', ' > ', 'position') }} as path
    from steps
    where touch_count > 1
    group by journey_id
),

-- The other ways of writing a path follow from it: once per path, from one of its journeys.
examples as (
    select
        path,
        min(journey_id) as journey_id
    from paths
    group by path
),

spellings as (
    select
        e.path,
        {{ string_agg(
            "case when s.previous_channel is null or s.previous_channel <> s.channel "
            ~ "then s.channel end",
            ' > ', 's.position'
        ) }} as path_exposure,
        {{ string_agg("case when s.channel_visit = 1 then s.channel end", ' > ', 's.position') }}
            as path_first,
        {{ string_agg(
            "case when s.channel_visit = 1 then concat(s.channel, '(', cast(s.channel_visits as "
            ~ dbt.type_string() ~ "), ')') end",
            ' > ', 's.position'
        ) }} as path_frequency
    from examples as e
    inner join steps as s on e.journey_id = s.journey_id
    group by e.path
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
        coalesce(p.path, '(none)') as path_unique,
        coalesce(w.path_exposure, '(none)') as path_exposure,
        coalesce(w.path_first, '(none)') as path_first,
        coalesce(w.path_frequency, '(none)') as path_frequency
    from sales as s
    left join paths as p on s.order_id = p.order_id
    left join spellings as w on p.path = w.path
),

lost as (
    select
        p.journey_id,
        'loss' as outcome,
        p.order_id,
        p.party as person,
        p.touch_count,
        cast(null as double) as days,
        cast(0 as bigint) as cents,
        p.path as path_unique,
        w.path_exposure,
        w.path_first,
        w.path_frequency
    from paths as p
    inner join spellings as w on p.path = w.path
    where p.outcome = 'loss'
),

final as (
    select * from sold

    union all

    select * from lost
)

select * from final
