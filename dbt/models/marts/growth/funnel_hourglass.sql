with

people as (
    select
        *,
        {{ month_start(business_date("coalesce(first_seen_at, cast('1970-01-01' as timestamp))")) }}
            as month
    from {{ ref('int_people_staged') }}
),

counted as (
    select
        month,
        channel,
        segment,
        count(*) as reach,
        sum(is_captured) as capture,
        sum(is_warm) as warm,
        sum(is_sale) as sale,
        sum(is_upsell) as upsell,
        sum(is_loyal) as loyalty,
        sum(is_advocate) as advocacy
    from people
    group by month, channel, segment
),

stages as (
    {%- set stages = ['reach', 'capture', 'warm', 'sale', 'upsell', 'loyalty', 'advocacy'] %}
    {%- for stage in stages %}
    select
        month,
        channel,
        segment,
        '{{ stage }}' as stage,
        {{ loop.index }} as stage_number,
        {{ stage }} as customers,
        {{ stages[loop.index0 - 1] if not loop.first else "cast(null as bigint)" }} as previous
    from counted
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

final as (
    select
        month,
        channel,
        segment,
        stage,
        cast(stage_number as integer) as stage_number,
        cast(customers as bigint) as customers,
        {{ rounded(safe_ratio('customers', 'previous'), 6) }} as conversion_from_previous
    from stages
)

select * from final
