with

calls as (
    select
        call_id,
        customer_id,
        call_date,
        started_at,
        disposition,
        coalesce(queue, '(none)') as queue,
        coalesce(agent_id, '(none)') as agent_id,
        is_resolved,
        is_short_abandon,
        talk_seconds,
        coalesce(talk_seconds, 0) + coalesce(hold_seconds, 0) + coalesce(wrap_up_seconds, 0)
            as handle_seconds,
        -- A telephone system may tell when it was answered and not how long that took.
        coalesce(wait_seconds, {{ date_diff_seconds('started_at', 'answered_at') }})
            as wait_seconds,
        coalesce(lower(trim(reason)), '') as reason,
        disposition = 'answered' as is_answered
    from {{ ref('calls') }}
    where direction = 'inbound'
),

tickets as (
    select
        tickets.ticket_id,
        owners.customer_id,
        tickets.created_at,
        coalesce(lower(trim(tickets.reason)), '') as reason
    from {{ ref('stg_call_center__tickets') }} as tickets
    inner join {{ ref('int_owners_resolved') }} as owners
        on
            tickets.ticket_id = owners.reference
            and owners.reference_kind = 'ticket'
),

contacts as (
    select
        concat('call:', call_id) as contact_id,
        call_id,
        customer_id,
        reason,
        started_at as contacted_at
    from calls
    where
        is_answered
        and customer_id is not null

    union all

    select
        concat('ticket:', ticket_id) as contact_id,
        cast(null as {{ dbt.type_string() }}) as call_id,
        customer_id,
        reason,
        created_at as contacted_at
    from tickets
),

followed as (
    select
        call_id,
        contacted_at,
        lead(contacted_at) over (
            partition by customer_id, reason
            order by contacted_at, contact_id
        ) as next_contacted_at
    from contacts
),

-- Judged once all of the seven days have passed, and where the agent said whether it was settled.
judged as (
    select
        calls.call_id,
        calls.is_resolved
        and (
            followed.next_contacted_at is null
            or followed.next_contacted_at
            > {{ add_seconds('followed.contacted_at', var('first_contact_days') * 24 * 3600) }}
        ) as is_first_contact_resolution
    from calls
    inner join followed
        on calls.call_id = followed.call_id
    where
        calls.is_resolved is not null
        and calls.call_date <= {{ add_days(as_of(), '-' ~ var('first_contact_days')) }}
),

counted as (
    select
        calls.call_date,
        calls.queue,
        calls.agent_id,
        count(*) as offered,
        {{ count_if('calls.is_answered') }} as answered,
        {{ count_if('calls.is_answered and calls.wait_seconds is not null') }} as answered_timed,
        {{ count_if(
            'calls.is_answered and calls.wait_seconds <= ' ~ var('service_level_seconds')
        ) }} as answered_in_time,
        {{ count_if("calls.disposition = 'abandoned'") }} as abandoned,
        {{ count_if('calls.is_short_abandon') }} as abandoned_short,
        coalesce(sum(case when calls.is_answered then calls.wait_seconds end), 0) as wait_seconds,
        {{ count_if('calls.is_answered and calls.talk_seconds is not null') }} as handled,
        coalesce(
            sum(
                case
                    when calls.is_answered and calls.talk_seconds is not null
                        then calls.handle_seconds
                end
            ),
            0
        ) as handle_seconds,
        count(judged.call_id) as fcr_calls,
        {{ count_if('judged.is_first_contact_resolution') }} as fcr_resolved
    from calls
    left join judged
        on calls.call_id = judged.call_id
    group by calls.call_date, calls.queue, calls.agent_id
),

final as (
    select
        c.call_date,
        c.queue,
        c.agent_id,
        coalesce(a.team, '(none)') as team,
        c.offered,
        c.answered,
        c.answered_timed,
        c.answered_in_time,
        c.abandoned,
        c.abandoned_short,
        cast(c.wait_seconds as bigint) as wait_seconds,
        c.handled,
        cast(c.handle_seconds as bigint) as handle_seconds,
        c.fcr_calls,
        c.fcr_resolved
    from counted as c
    left join {{ ref('stg_call_center__agents') }} as a on c.agent_id = a.agent_id
)

select * from final
