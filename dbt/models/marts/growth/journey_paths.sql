with

journeys as (
    select * from {{ ref('int_journeys_summed') }}
),

written as (
    {%- for transform in ['unique', 'exposure', 'first', 'frequency'] %}
    select
        '{{ transform }}' as transform,
        path_{{ transform }} as path,
        outcome,
        person,
        touch_count,
        days,
        cents,
        credit_spread
    from journeys
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

final as (
    select
        transform,
        path,
        count(distinct person) as customers,
        count(*) as journeys,
        {{ count_if("outcome = 'sale'") }} as conversions,
        {{ count_if("outcome = 'loss'") }} as losses,
        round({{ safe_ratio(count_if("outcome = 'sale'"), 'count(*)') }}, 6) as conversion_rate,
        {{ from_cents('sum(cents)') }} as revenue,
        round({{ percentile('days', 0.5) }}, 6) as median_days,
        round(avg(cast(touch_count as double)), 6) as average_touches,
        round(avg(credit_spread), 6) as credit_spread
    from written
    group by transform, path
)

select * from final
