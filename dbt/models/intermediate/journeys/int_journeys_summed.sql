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

-- Equal paths have equal marks, which are added up: joining the texts of every journey in order is
-- dear, and is not put aside on disk. With a million people this still takes more than 2 GB, and less
-- than 3 (2026-12). Two paths share a mark once in 10^8 with half a million of them.
journeys as (
    select
        journey_id,
        party,
        outcome,
        order_id,
        touch_count,
        touched_at as first_touched_at,
        {{ mark_of(['channel', 'position']) }} as mark
    from steps
    where touch_count = 1

    union all

    select
        journey_id,
        party,
        outcome,
        order_id,
        count(*) as touch_count,
        min(touched_at) as first_touched_at,
        sum({{ mark_of(['channel', 'position']) }}) as mark
    from steps
    where touch_count > 1
    -- The first decides: values that are grouped by are put aside, texts that are picked are not.
    group by journey_id, party, outcome, order_id
),

-- A path is written once, from one of its journeys.
examples as (
    select
        mark,
        touch_count,
        min(journey_id) as journey_id
    from journeys
    group by mark, touch_count
),

paths as (
    select
        e.mark,
        e.touch_count,
        {{ string_agg('s.channel', ' > ', 's.position') }} as path,
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
    group by e.mark, e.touch_count
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
        coalesce(j.touch_count, 0) as touch_count,
        {{ date_diff_seconds('j.first_touched_at', 's.ordered_at') }} / 86400e0 as days,
        s.cents,
        coalesce(p.path, '(none)') as path_unique,
        coalesce(p.path_exposure, '(none)') as path_exposure,
        coalesce(p.path_first, '(none)') as path_first,
        coalesce(p.path_frequency, '(none)') as path_frequency
    from sales as s
    left join journeys as j on s.order_id = j.order_id
    left join paths as p on j.mark = p.mark and j.touch_count = p.touch_count
),

lost as (
    select
        j.journey_id,
        'loss' as outcome,
        j.order_id,
        j.party as person,
        j.touch_count,
        cast(null as double) as days,
        cast(0 as bigint) as cents,
        p.path as path_unique,
        p.path_exposure,
        p.path_first,
        p.path_frequency
    from journeys as j
    inner join paths as p on j.mark = p.mark and j.touch_count = p.touch_count
    where j.outcome = 'loss'
),

final as (
    select * from sold

    union all

    select * from lost
)

select * from final
