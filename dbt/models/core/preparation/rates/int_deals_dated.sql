-- How each deal stands at the end of as_of, and the day at whose rate its amount counts: the day on
-- which it closed, of an open one the day on which it was opened.
with

deals as (
    select
        d.*,
        -- A won deal that does not say when was won when it was last changed.
        case
            when d.is_won then coalesce(d.closed_at, d.updated_at, d.created_at)
            else d.closed_at
        end as ended_at
    from {{ ref('stg_crm__deals') }} as d
),

standing as (
    select
        *,
        case
            when ended_at is null or not {{ not_after_as_of('ended_at') }} then 'open'
            when is_won then 'won'
            else 'lost'
        end as status
    from deals
),

dated as (
    select
        *,
        case when status <> 'open' then ended_at end as closed_at_known,
        {{ business_date("case when status = 'open' then created_at else ended_at end") }}
            as money_date
    from standing
),

final as (
    select
        deal_id,
        contact_id,
        pipeline,
        stage,
        owner_id,
        campaign_id,
        status,
        created_at,
        closed_at_known as closed_at,
        amount,
        currency,
        money_date
    from dated
)

select * from final
