-- Why, in the customer's own words or rather category: what they declared last.
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
        assignments.customer_id,
        tickets.reason,
        tickets.created_at as declared_at,
        tickets.ticket_id as statement_id,
        'ticket' as declared_in
    from {{ ref('stg_call_center__tickets') }} as tickets
    inner join {{ source('identity', 'assignments') }} as assignments
        on
            tickets.ticket_id = assignments.source_id
            and assignments.source_system = 'call_center'
            and assignments.source_table = 'tickets'
),

statements as (
    select * from surveys

    union all

    select * from calls

    union all

    select * from tickets
),

ranked as (
    select
        *,
        row_number() over (
            partition by customer_id
            order by declared_at desc, declared_in asc, statement_id asc
        ) as place
    from statements
    where
        customer_id is not null
        and trim(reason) <> ''
),

final as (
    select
        customer_id,
        reason as declared_reason,
        declared_in,
        declared_at
    from ranked
    where place = 1
)

select * from final
