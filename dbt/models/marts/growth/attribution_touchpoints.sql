{%- set models = attribution_models() -%}
with

credits as (
    select * from {{ ref('int_attribution_credits') }}
),

models as (
    {%- for model in models %}
    select '{{ model }}' as model{{ " union all" if not loop.last }}
    {%- endfor %}
),

unpivoted as (
    select
        c.order_id,
        m.model,
        c.position,
        c.touchpoint_id,
        c.channel,
        c.campaign_id,
        c.path_length,
        case m.model
            {%- for model in models %}
            when '{{ model }}' then c.credit_{{ model }}
            {%- endfor %}
        end as credit,
        case m.model
            {%- for model in models %}
            when '{{ model }}' then c.cents_{{ model }}
            {%- endfor %}
        end as cents
    from credits as c
    cross join models as m
),

final as (
    select
        order_id,
        model,
        cast(position as integer) as position,
        touchpoint_id,
        channel,
        campaign_id,
        cast(path_length as integer) as path_length,
        credit,
        {{ from_cents('cents') }} as attributed_revenue
    from unpivoted
    -- A credit too small for a double to hold may still close a cent.
    where credit > 0 or cents <> 0
)

select * from final
