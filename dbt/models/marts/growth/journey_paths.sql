{%- set transforms = ['unique', 'exposure', 'first', 'frequency'] -%}
with

-- How far the models are apart: the largest difference that any channel's credit for the sale
-- shows between two models.
markov_credits as (
    select
        order_id,
        channel,
        sum(credit_markov) as credit
    from {{ ref('int_attribution_markov') }}
    group by order_id, channel
),

spreads as (
    select
        r.order_id,
        max(greatest(r.highest_credit, m.credit) - least(r.lowest_credit, m.credit))
            as credit_spread
    from {{ ref('int_attribution_ranges') }} as r
    inner join markov_credits as m on r.order_id = m.order_id and r.channel = m.channel
    group by r.order_id
),

journeys as (
    select
        j.*,
        {%- for transform in transforms %}
        coalesce(p.path_{{ transform }}, '(none)') as path_{{ transform }},
        {%- endfor %}
        case when j.outcome = 'sale' then coalesce(s.credit_spread, 0) end as credit_spread
    from {{ ref('int_journeys_summed') }} as j
    left join {{ ref('int_paths_written') }} as p on j.mark = p.mark
    left join spreads as s on j.order_id = s.order_id
),

written as (
    {%- for transform in transforms %}
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
        {{ rounded(safe_ratio(count_if("outcome = 'sale'"), 'count(*)'), 6) }} as conversion_rate,
        {{ from_cents('sum(cents)') }} as revenue,
        {{ rounded(percentile('days', 0.5), 6) }} as median_days,
        {{ rounded('avg(cast(touch_count as double))', 6) }} as average_touches,
        {{ rounded('avg(credit_spread)', 6) }} as credit_spread
    from written
    group by transform, path
)

select * from final
