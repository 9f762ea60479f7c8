{%- set models = attribution_models(of_the_sale_alone=true) -%}
-- The Markov chain moves the credit of all sales with several channels: its rows are one key.
{% call increment_by("case model when 'markov' then 'model:markov' else order_id end") %}
select order_id from {{ changes_of('int_attribution_credits') }} as changed

union all

select 'model:markov' where {{ at_any_change_of('int_attribution_markov') }}
{% endcall %}
with

credits as (
    select * from {{ ref('int_attribution_credits') }}
    where {{ is_within('order_id') }}
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

    union all

    select
        c.order_id,
        'markov' as model,
        c.position,
        c.touchpoint_id,
        c.channel,
        c.campaign_id,
        c.path_length,
        {{ credited('credit', 'markov') }} as credit,
        {{ credited('cents', 'markov') }} as cents
    from {{ ref('int_attribution_credits') }} as c
    {{ join_markov_credits() }}
    where {{ is_within("'model:markov'") }}
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
