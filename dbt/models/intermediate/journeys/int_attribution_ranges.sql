-- The least and the most that a model which looks at the sale alone credits to each channel of a sale
-- with several channels. Of a sale with one, all models credit it wholly.
{%- set models = attribution_models(of_the_sale_alone=true) %}
{% call increment_by('order_id') %}
select order_id from {{ changes_of('int_attribution_credits') }} as changed
{% endcall %}
with

channel_credits as (
    select
        order_id,
        {%- for model in models %}
        sum(credit_{{ model }}) as credit_{{ model }},
        {%- endfor %}
        channel
    from {{ ref('int_attribution_credits') }}
    where channel_count > 1 and {{ is_within('order_id') }}
    group by order_id, channel
),

final as (
    select
        order_id,
        channel,
        least(
            {%- for model in models %}
            credit_{{ model }}{{ "," if not loop.last }}
            {%- endfor %}
        ) as lowest_credit,
        greatest(
            {%- for model in models %}
            credit_{{ model }}{{ "," if not loop.last }}
            {%- endfor %}
        ) as highest_credit
    from channel_credits
)

select * from final
