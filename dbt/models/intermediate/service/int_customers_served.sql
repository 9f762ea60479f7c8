-- Calls, open tickets and the last scores of each customer who has any.
with

calls as (
    select
        customer_id,
        count(*) as call_count
    from {{ ref('calls') }}
    where customer_id is not null
    group by customer_id
),

tickets as (
    select
        owners.customer_id,
        count(*) as open_ticket_count
    from {{ ref('stg_call_center__tickets') }} as tickets
    inner join {{ ref('int_owners_resolved') }} as owners
        on
            tickets.ticket_id = owners.reference
            and owners.reference_kind = 'ticket'
    where
        (tickets.resolved_at is null or not {{ not_after_as_of('tickets.resolved_at') }})
        and coalesce(lower(tickets.status), '') not in ('resolved', 'closed', 'solved', 'done')
    group by owners.customer_id
),

ranked_scores as (
    select
        customer_id,
        kind,
        score,
        row_number() over (
            partition by customer_id, kind
            order by given_at desc, feedback_id desc
        ) as place
    from {{ ref('feedback') }}
    where
        customer_id is not null
        and kind in ('nps', 'csat')
),

scores as (
    select
        customer_id,
        max(case when kind = 'nps' then score end) as last_nps_score,
        max(case when kind = 'csat' then score end) as last_csat_score
    from ranked_scores
    where place = 1
    group by customer_id
),

served as (
    select customer_id from calls

    union

    select customer_id from tickets

    union

    select customer_id from scores
),

final as (
    select
        served.customer_id,
        coalesce(calls.call_count, 0) as call_count,
        coalesce(tickets.open_ticket_count, 0) as open_ticket_count,
        scores.last_nps_score,
        scores.last_csat_score
    from served
    left join calls
        on served.customer_id = calls.customer_id
    left join tickets
        on served.customer_id = tickets.customer_id
    left join scores
        on served.customer_id = scores.customer_id
)

select * from final
