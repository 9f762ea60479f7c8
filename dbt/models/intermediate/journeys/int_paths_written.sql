-- Every path that a journey took, written four ways. Grain: mark.
{% call increment_by('mark') %}
select mark from {{ changes_of('int_journeys_summed') }} as changed
where mark is not null

union all

select j.mark
from {{ ref('int_journeys_summed') }} as j
inner join {{ changes_of('int_journey_steps') }} as s on j.journey_id = s.journey_id
where j.mark is not null
{% endcall %}
with

-- A path is written once, from one of its journeys.
examples as (
    select
        mark,
        min(journey_id) as journey_id
    from {{ ref('int_journeys_summed') }}
    where mark is not null and {{ is_within('mark') }}
    group by mark
),

final as (
    select
        e.mark,
        {{ string_agg('s.channel', ' > ', 's.position') }} as path_unique,
        {{ string_agg(
            "case when s.previous_channel is null or s.previous_channel <> s.channel "
            ~ "then s.channel end",
            ' > ', 's.position'
        ) }} as path_exposure,
        {{ string_agg("case when s.channel_visit = 1 then s.channel end", ' > ', 's.position') }}
            as path_first,
        {{ string_agg(
            "case when s.channel_visit = 1 then concat(s.channel, '(', cast(s.channel_visits as "
            ~ dbt.type_string() ~ "), ')') end",
            ' > ', 's.position'
        ) }} as path_frequency
    from examples as e
    inner join {{ ref('int_journey_steps') }} as s on e.journey_id = s.journey_id
    group by e.mark
)

select * from final
