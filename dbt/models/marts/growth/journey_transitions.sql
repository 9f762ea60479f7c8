with

channel_moves as (
    select
        'channel' as level,
        from_state,
        to_state,
        transitions
    from {{ ref('int_journey_transition_counts') }}
),

-- The furthest of the shop's steps that the session reached; a step that was skipped counts as
-- taken, since a later one was.
furthest as (
    select
        case
            when order_placed_count > 0 then 4
            when checkout_count > 0 then 3
            when cart_count > 0 then 2
            when product_view_count > 0 then 1
            else 0
        end as step,
        count(*) as sessions
    from {{ ref('int_sessions_identified') }}
    group by
        case
            when order_placed_count > 0 then 4
            when checkout_count > 0 then 3
            when cart_count > 0 then 2
            when product_view_count > 0 then 1
            else 0
        end
),

step_names as (
    {% set names = ['(start)', 'product_view', 'add_to_cart', 'checkout_started', '(order)'] %}
    {% for step in range(4) %}
    select
        {{ step }} as step,
        '{{ names[step] }}' as name,
        '{{ names[step + 1] }}' as next_name
    {{ "union all" if not loop.last }}
    {% endfor %}
),

site_moves as (
    select
        'site' as level,
        n.name as from_state,
        n.next_name as to_state,
        sum(f.sessions) as transitions
    from step_names as n
    inner join furthest as f on n.step < f.step
    group by n.name, n.next_name

    union all

    select
        'site' as level,
        n.name as from_state,
        '(exit)' as to_state,
        sum(f.sessions) as transitions
    from step_names as n
    inner join furthest as f on n.step = f.step
    group by n.name
),

moves as (
    select * from channel_moves

    union all

    select * from site_moves
),

totals as (
    select
        *,
        sum(transitions) over (partition by level, from_state) as total,
        sum(case when to_state in ('(loss)', '(exit)') then transitions else 0 end) over (
            partition by level, from_state
        ) as dropped
    from moves
),

final as (
    select
        level,
        from_state,
        to_state,
        cast(transitions as bigint) as transitions,
        {{ rounded(safe_ratio('transitions', 'total'), 6) }} as transition_rate,
        {{ rounded(safe_ratio('dropped', 'total'), 6) }} as drop_off_rate
    from totals
)

select * from final
