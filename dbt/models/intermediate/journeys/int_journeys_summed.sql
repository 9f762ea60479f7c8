-- Every journey once: whose it is, what came of it, and the mark of its path. Grain: journey_id.
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
-- dear, and is not put aside on disk (a million people, 2026-12). Two paths share a mark once in 10^8
-- with half a million of them.
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
        j.mark
    from sales as s
    left join journeys as j on s.order_id = j.order_id
),

lost as (
    select
        journey_id,
        outcome,
        order_id,
        party as person,
        touch_count,
        cast(null as double) as days,
        cast(0 as bigint) as cents,
        mark
    from journeys
    where outcome = 'loss'
),

final as (
    select * from sold

    union all

    select * from lost
)

select * from final
