-- What the subjects of each variant did in the days after their assignment: sums that tests need.
{%- set window_seconds = var('experiment_window_days') ~ ' * 86400' %}
with

subjects as (
    select
        s.experiment_id,
        s.subject_id,
        s.variant,
        s.assigned_at,
        o.customer_id,
        case when s.subject_kind = 'visitor' and o.customer_id is null then s.subject_id end
            as visitor_id,
        {{ add_seconds('s.assigned_at', window_seconds) }} <= {{ end_of_as_of() }} as is_observed
    from {{ ref('stg_marketing__experiment_assignments') }} as s
    left join {{ ref('int_owners_resolved') }} as o
        on
            s.subject_id = o.reference
            and s.subject_kind = o.reference_kind
            and o.reference_kind in ('account', 'contact', 'visitor', 'email')
),

sales as (
    select
        customer_id,
        visitor_id,
        ordered_at,
        net_revenue
    from {{ ref('orders') }}
    where is_sale
),

bought as (
    select
        s.experiment_id,
        s.subject_id,
        o.net_revenue
    from subjects as s
    inner join sales as o
        on
            s.customer_id = o.customer_id
            and s.assigned_at <= o.ordered_at
            and {{ add_seconds('s.assigned_at', window_seconds) }} > o.ordered_at
    where s.is_observed

    union all

    select
        s.experiment_id,
        s.subject_id,
        o.net_revenue
    from subjects as s
    inner join sales as o
        on
            s.visitor_id = o.visitor_id
            and s.assigned_at <= o.ordered_at
            and {{ add_seconds('s.assigned_at', window_seconds) }} > o.ordered_at
    where s.is_observed
),

outcomes as (
    select
        experiment_id,
        subject_id,
        {{ to_cents('sum(net_revenue)') }} as cents
    from bought
    group by experiment_id, subject_id
),

counted as (
    select
        s.experiment_id,
        s.variant,
        count(*) as subjects,
        {{ count_if('s.is_observed') }} as observed_subjects,
        count(o.subject_id) as conversions,
        cast(coalesce(sum(o.cents), 0) as bigint) as revenue_cents,
        coalesce(sum(cast(o.cents as double) * cast(o.cents as double)), 0) as squared_cents
    from subjects as s
    left join outcomes as o
        on s.experiment_id = o.experiment_id and s.subject_id = o.subject_id
    group by s.experiment_id, s.variant
),

-- A variant that nobody got belongs to the plan of an experiment that others got.
planned as (
    select
        experiment_id,
        variant,
        planned_share
    from {{ ref('stg_marketing__experiments') }}
    where experiment_id in (select experiment_id from counted)
),

variants as (
    select
        coalesce(c.experiment_id, p.experiment_id) as experiment_id,
        coalesce(c.variant, p.variant) as variant,
        cast(p.planned_share as double) as planned_share,
        coalesce(c.subjects, 0) as subjects,
        coalesce(c.observed_subjects, 0) as observed_subjects,
        coalesce(c.conversions, 0) as conversions,
        coalesce(c.revenue_cents, 0) as revenue_cents,
        coalesce(c.squared_cents, 0) as squared_cents
    from counted as c
    full join planned as p on c.experiment_id = p.experiment_id and c.variant = p.variant
),

-- Where the plan lacks a variant that somebody got, or has no share above 0, it is none.
shared as (
    select
        *,
        case
            when
                count(*) over (partition by experiment_id)
                = count(case when planned_share > 0 then 1 end) over (partition by experiment_id)
                then planned_share / sum(planned_share) over (partition by experiment_id)
            else cast(1 as double) / count(*) over (partition by experiment_id)
        end as share
    from variants
),

ranked as (
    select
        *,
        row_number() over (
            partition by experiment_id
            order by
                case when lower(trim(variant)) in ('control', 'baseline', 'original') then 0 else 1 end,
                variant
        ) as place
    from shared
),

final as (
    select
        experiment_id,
        variant,
        place = 1 as is_control,
        share as planned_share,
        subjects,
        observed_subjects,
        conversions,
        revenue_cents,
        squared_cents
    from ranked
)

select * from final
