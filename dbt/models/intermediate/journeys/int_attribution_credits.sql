-- The share of every touch by every model that looks at the sale alone, as columns, from one pass
-- over the paths: int_attribution_markov has the other. Money is divided as running totals in whole
-- cents: a touch gets the rounded total up to it minus the one before, and the last touch closes the
-- sale, so that shares sum to the sale whatever the rounding.
{%- set models = attribution_models(of_the_sale_alone=true) %}
{% call increment_by('order_id') %}
select order_id from {{ changes_of('orders') }} as changed

union all

select order_id from {{ changes_of('int_attribution_paths') }} as paths
{% endcall %}
with

paths as (
    select * from {{ ref('int_attribution_paths') }}
    where position >= 1 and {{ is_within('order_id') }}
),

sales as (
    select
        order_id,
        order_date,
        {{ month_start('order_date') }} as month,
        case when is_first_order then 'first' else 'repeat' end as sale_kind,
        {{ to_cents('coalesce(net_revenue, 0)') }} as cents
    from {{ ref('orders') }}
    where is_sale and {{ is_within('order_id') }}
),

channels_counted as (
    select
        *,
        count(*) over (partition by order_id, channel) as channel_touches,
        min(position) over (partition by order_id, channel) as channel_first
    from paths
),

measured as (
    select
        *,
        coalesce(
            max(case when channel <> 'direct' then position end) over (partition by order_id),
            path_length
        ) as last_non_direct,
        max(case when is_identifying then position end) over (partition by order_id)
            as identified_at,
        sum(case when position = channel_first then 1 else 0 end) over (partition by order_id)
            as distinct_channels,
        max(touched_at) over (partition by order_id) as last_touched_at
    from channels_counted
),

-- Decay is counted from the last touch, which cancels out: weights from the sale would all be zero
-- in floating point with a short half-life and a long window.
weighed as (
    select
        *,
        case
            when identified_at is null or identified_at in (1, path_length) then 0 else 1
        end as has_middle_role,
        power(
            2e0,
            -{{ date_diff_seconds('touched_at', 'last_touched_at') }}
            / (86400.0e0 * {{ setting('half_life_days') }})
        ) as decay_weight,
        1e0 / (distinct_channels * channel_touches) as shapley_weight
    from measured
),

roles as (
    select
        *,
        path_length
        - case when path_length = 1 then 1 else 2 end
        - has_middle_role as touches_without_role,
        case
            when position = 1 or position = path_length then 0
            when position = identified_at then 0
            else 1
        end as is_without_role
    from weighed
),

summed as (
    select
        *,
        0.6e0
        + case when identified_at is null then 0 else 0.3e0 end
        + case when touches_without_role > 0 then 0.1e0 else 0 end as role_total,
        sum(decay_weight) over (partition by order_id) as decay_total,
        sum(decay_weight) over (
            partition by order_id order by position rows between unbounded preceding and current row
        ) as decay_running,
        sum(shapley_weight) over (
            partition by order_id order by position rows between unbounded preceding and current row
        ) as shapley_running,
        sum(is_without_role) over (
            partition by order_id order by position rows between unbounded preceding and current row
        ) as without_role_running
    from roles
),

credited as (
    select
        *,
        case when position = 1 then 1e0 else 0e0 end as credit_first,
        1e0 as running_first,
        case when position = path_length then 1e0 else 0e0 end as credit_last,
        case when position = path_length then 1e0 else 0e0 end as running_last,
        case when position = last_non_direct then 1e0 else 0e0 end as credit_last_non_direct,
        case when position >= last_non_direct then 1e0 else 0e0 end as running_last_non_direct,
        1e0 / path_length as credit_linear,
        cast(position as double) / path_length as running_linear,
        case
            when path_length = 1 then 1e0
            when path_length = 2 then 0.5e0
            when position in (1, path_length) then 0.4e0
            else 0.2e0 / (path_length - 2)
        end as credit_u_shaped,
        case
            when position = path_length then 1e0
            when path_length = 2 then 0.5e0
            else 0.4e0 + 0.2e0 * (position - 1) / (path_length - 2)
        end as running_u_shaped,
        (
            case when position = 1 then 0.3e0 else 0 end
            + case when position = path_length then 0.3e0 else 0 end
            + case when position = identified_at then 0.3e0 else 0 end
            + case when is_without_role = 1 then 0.1e0 / touches_without_role else 0 end
        ) / role_total as credit_w_shaped,
        (
            0.3e0
            + case when position = path_length then 0.3e0 else 0 end
            + case when position >= identified_at then 0.3e0 else 0 end
            + case
                when touches_without_role > 0 then 0.1e0 * without_role_running / touches_without_role
                else 0
            end
        ) / role_total as running_w_shaped,
        decay_weight / decay_total as credit_time_decay,
        decay_running / decay_total as running_time_decay,
        shapley_weight as credit_shapley,
        shapley_running as running_shapley
    from summed
),

rounded as (
    select
        c.*,
        s.month,
        s.cents,
        {%- for model in models %}
        case
            when c.position = c.path_length then s.cents
            else cast(round({{ rounded('s.cents * c.running_' ~ model, 6) }}, 0) as bigint)
        end as cents_{{ model }},
        {%- endfor %}
        s.sale_kind
    from credited as c
    inner join sales as s on c.order_id = s.order_id
),

touched as (
    select
        order_id,
        position,
        path_length,
        touchpoint_id,
        channel,
        campaign_id,
        month,
        distinct_channels as channel_count,
        cents,
        {%- for model in models %}
        {{ rounded('cast(credit_' ~ model ~ ' as double)', 12) }} as credit_{{ model }},
        cents_{{ model }} - coalesce(
            lag(cents_{{ model }}) over (partition by order_id order by position), 0
        ) as cents_{{ model }},
        {%- endfor %}
        sale_kind
    from rounded
),

paths_found as (
    select distinct order_id from paths
),

untouched as (
    select
        s.order_id,
        1 as position,
        0 as path_length,
        cast(null as {{ dbt.type_string() }}) as touchpoint_id,
        '(none)' as channel,
        cast(null as {{ dbt.type_string() }}) as campaign_id,
        s.month,
        0 as channel_count,
        s.cents,
        {%- for model in models %}
        cast(1 as double) as credit_{{ model }},
        s.cents as cents_{{ model }},
        {%- endfor %}
        s.sale_kind
    from sales as s
    left join paths_found as p on s.order_id = p.order_id
    where p.order_id is null
),

final as (
    select * from touched

    union all

    select * from untouched
)

select * from final
