-- A journey ends in a sale or is lost. A touch is lost when its person or visitor bought nothing
-- within the look-back window after it, so it stands before no sale; lost touches make one
-- journey until a gap longer than the window, which any sale between them would cause too.
{%- set person -%}
    case
        when t.customer_id is not null then concat('customer:', t.customer_id)
        else concat('visitor:', t.visitor_id)
    end
{%- endset %}
{% call increment_by('party') %}
select concat('sale:', order_id) from {{ changes_of('int_attribution_paths') }} as sales

union all

select {{ person }} from {{ changes_of('touchpoints') }} as t

union all

select {{ person }}
from {{ ref('touchpoints') }} as t
inner join {{ changes_of('int_attribution_paths') }} as p on t.touchpoint_id = p.touchpoint_id

union all

select {{ person }}
from {{ ref('touchpoints') }} as t
where {{ may_have_crossed(add_seconds('t.touched_at', lookback_seconds())) }}
{% endcall %}
with

sale_steps as (
    select
        concat('sale:', order_id) as journey_id,
        concat('sale:', order_id) as party,
        'sale' as outcome,
        order_id,
        position,
        touchpoint_id,
        channel,
        touched_at
    from {{ ref('int_attribution_paths') }}
    where position >= 1 and {{ is_within("concat('sale:', order_id)") }}
),

lost as (
    select
        t.touchpoint_id,
        t.channel,
        t.touched_at,
        {{ person }} as person
    from {{ ref('touchpoints') }} as t
    where
        coalesce(t.customer_id, t.visitor_id) is not null
        and not exists (
            select 1 from {{ ref('int_attribution_paths') }} as p
            where t.touchpoint_id = p.touchpoint_id
        )
        and {{ is_within(person) }}
),

followed as (
    select
        *,
        lag(touched_at) over (partition by person order by touched_at, touchpoint_id) as previous_at
    from lost
),

numbered as (
    select
        *,
        sum(
            case
                when
                    previous_at is null
                    or touched_at > {{ add_seconds('previous_at', lookback_seconds()) }}
                    then 1
                else 0
            end
        ) over (
            partition by person
            order by touched_at, touchpoint_id
            rows between unbounded preceding and current row
        ) as journey_number
    from followed
),

lost_steps as (
    select
        concat('loss:', person, ':', cast(journey_number as {{ dbt.type_string() }})) as journey_id,
        person,
        max(touched_at) over (partition by person, journey_number) as last_touched_at,
        cast(
            row_number() over (
                partition by person, journey_number order by touched_at, touchpoint_id
            ) as integer
        ) as position,
        touchpoint_id,
        channel,
        touched_at
    from numbered
),

-- A journey whose window is still open may yet end in a sale, and is neither.
closed_steps as (
    select
        journey_id,
        person as party,
        'loss' as outcome,
        cast(null as {{ dbt.type_string() }}) as order_id,
        position,
        touchpoint_id,
        channel,
        touched_at
    from lost_steps
    where {{ add_seconds('last_touched_at', lookback_seconds()) }} < {{ end_of_as_of() }}
),

steps as (
    select * from sale_steps

    union all

    select * from closed_steps
),

final as (
    select
        journey_id,
        party,
        outcome,
        order_id,
        position,
        touchpoint_id,
        channel,
        touched_at,
        lead(channel) over (partition by journey_id order by position) as next_channel,
        lag(channel) over (partition by journey_id order by position) as previous_channel,
        count(*) over (partition by journey_id) as touch_count,
        row_number() over (partition by journey_id, channel order by position) as channel_visit,
        count(*) over (partition by journey_id, channel) as channel_visits
    from steps
)

select * from final
