with

deals as (
    select
        deal_id,
        coalesce(pipeline, '(none)') as pipeline,
        coalesce(stage, '(none)') as stage,
        coalesce(owner_id, '(none)') as owner_id,
        status,
        created_date,
        closed_date,
        coalesce(amount, 0) as amount,
        age_days
    from {{ ref('deals') }}
),

-- A deal is one that was opened in one month and perhaps one that was closed in another.
events as (
    select
        {{ month_start('created_date') }} as month,
        pipeline,
        stage,
        owner_id,
        1 as opened,
        0 as won,
        0 as lost,
        amount as opened_amount,
        0 as won_amount,
        0 as lost_amount,
        0 as closed_days
    from deals

    union all

    select
        {{ month_start('closed_date') }} as month,
        pipeline,
        stage,
        owner_id,
        0 as opened,
        case when status = 'won' then 1 else 0 end as won,
        case when status = 'lost' then 1 else 0 end as lost,
        0 as opened_amount,
        case when status = 'won' then amount else 0 end as won_amount,
        case when status = 'lost' then amount else 0 end as lost_amount,
        age_days as closed_days
    from deals
    where status <> 'open'
),

summed as (
    select
        month,
        pipeline,
        stage,
        owner_id,
        sum(opened) as opened,
        sum(won) as won,
        sum(lost) as lost,
        sum(opened_amount) as opened_amount,
        sum(won_amount) as won_amount,
        sum(lost_amount) as lost_amount,
        sum(closed_days) as closed_days
    from events
    group by month, pipeline, stage, owner_id
),

final as (
    select
        month,
        pipeline,
        stage,
        owner_id,
        cast(opened as bigint) as opened,
        cast(won as bigint) as won,
        cast(lost as bigint) as lost,
        cast(opened_amount as decimal(18, 2)) as opened_amount,
        cast(won_amount as decimal(18, 2)) as won_amount,
        cast(lost_amount as decimal(18, 2)) as lost_amount,
        cast(closed_days as bigint) as closed_days,
        {{ rounded(safe_ratio('won', '(won + lost)'), 6) }} as win_rate,
        {{ rounded(safe_ratio('closed_days', '(won + lost)'), 6) }} as average_days_to_close
    from summed
)

select * from final
