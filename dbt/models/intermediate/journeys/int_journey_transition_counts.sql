with

steps as (
    select
        outcome,
        channel,
        coalesce(next_channel, case outcome when 'sale' then '(sale)' else '(loss)' end) as to_state,
        position
    from {{ ref('int_journey_steps') }}
),

moves as (
    select
        channel as from_state,
        to_state,
        count(*) as transitions
    from steps
    group by channel, to_state

    union all

    select
        '(start)' as from_state,
        channel as to_state,
        count(*) as transitions
    from steps
    where position = 1
    group by channel
)

select * from moves
