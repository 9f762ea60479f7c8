-- The rates of a month and queue, and of all queues together: made from sums of service_quality.
with

days as (
    select
        {{ month_start('call_date') }} as month,
        queue,
        offered,
        answered,
        answered_timed,
        answered_in_time,
        abandoned,
        abandoned_short,
        wait_seconds,
        handled,
        handle_seconds,
        fcr_calls,
        fcr_resolved
    from {{ ref('service_quality') }}
),

cut as (
    select
        *,
        false as is_total
    from days

    union all

    select
        month,
        '(all)' as queue,
        offered,
        answered,
        answered_timed,
        answered_in_time,
        abandoned,
        abandoned_short,
        wait_seconds,
        handled,
        handle_seconds,
        fcr_calls,
        fcr_resolved,
        true as is_total
    from days
),

summed as (
    select
        month,
        queue,
        is_total,
        sum(offered) as offered,
        sum(answered) as answered,
        sum(answered_timed) as answered_timed,
        sum(answered_in_time) as answered_in_time,
        sum(abandoned) as abandoned,
        sum(abandoned_short) as abandoned_short,
        sum(wait_seconds) as wait_seconds,
        sum(handled) as handled,
        sum(handle_seconds) as handle_seconds,
        sum(fcr_calls) as fcr_calls,
        sum(fcr_resolved) as fcr_resolved
    from cut
    group by month, queue, is_total
),

final as (
    select
        month,
        queue,
        is_total,
        cast(offered as bigint) as offered,
        cast(answered as bigint) as answered,
        cast(abandoned as bigint) as abandoned,
        {{ safe_ratio('answered_in_time', '(offered - answered + answered_timed)') }}
            as service_level,
        {{ safe_ratio('(abandoned - abandoned_short)', '(offered - abandoned_short)') }}
            as abandon_rate,
        {{ safe_ratio('wait_seconds', 'answered_timed') }} as asa,
        {{ safe_ratio('handle_seconds', 'handled') }} as aht,
        {{ safe_ratio('fcr_resolved', 'fcr_calls') }} as fcr
    from summed
)

select * from final
