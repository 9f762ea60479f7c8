-- Every reason that somebody declared in a survey, call or ticket; never inferred.
with

-- A ticket's score repeats the ticket's reason.
surveys as (
    select
        customer_id,
        reason,
        given_at as declared_at,
        feedback_id as statement_id,
        'survey' as declared_in
    from {{ ref('feedback') }}
    where kind in ('nps', 'csat', 'ces') and feedback_id like 'survey:%'
),

calls as (
    select
        customer_id,
        reason,
        started_at as declared_at,
        call_id as statement_id,
        'call' as declared_in
    from {{ ref('calls') }}
),

tickets as (
    select
        {{ owner_by({'ticket': 'tickets.ticket_id'}) }} as customer_id,
        tickets.reason,
        tickets.created_at as declared_at,
        tickets.ticket_id as statement_id,
        'ticket' as declared_in
    from {{ ref('stg_call_center__tickets') }} as tickets
    {{ join_owners({'ticket': 'tickets.ticket_id'}) }}
),

final as (
    select * from surveys
    where trim(reason) <> ''

    union all

    select * from calls
    where trim(reason) <> ''

    union all

    select * from tickets
    where trim(reason) <> ''
)

select * from final
