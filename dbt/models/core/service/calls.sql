with

calls as (
    select * from {{ ref('stg_call_center__calls') }}
),

final as (
    select
        calls.call_id,
        {{ owner_by({'call': 'calls.call_id'}) }} as customer_id,
        calls.contact_id,
        calls.direction,
        calls.started_at,
        {{ business_date('calls.started_at') }} as call_date,
        calls.answered_at,
        calls.ended_at,
        calls.wait_seconds,
        calls.talk_seconds,
        calls.hold_seconds,
        calls.wrap_up_seconds,
        calls.queue,
        calls.agent_id,
        calls.disposition,
        calls.reason,
        calls.is_resolved,
        calls.campaign_id,
        coalesce(
            calls.direction = 'inbound'
            and calls.disposition = 'abandoned'
            and calls.wait_seconds < {{ var('short_abandon_seconds') }},
            false
        ) as is_short_abandon
    from calls
    {{ join_owners({'call': 'calls.call_id'}) }}
)

select * from final
