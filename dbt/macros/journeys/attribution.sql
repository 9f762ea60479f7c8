{# The attribution models, in the order of lists: all, or those whose credit for a sale depends on that
   sale alone. #}
{% macro attribution_models(of_the_sale_alone=false) -%}
    {%- set models = [
        'first', 'last', 'last_non_direct', 'linear', 'u_shaped', 'w_shaped', 'time_decay', 'markov',
        'shapley'
    ] -%}
    {{ return(models | reject('equalto', 'markov') | list if of_the_sale_alone else models) }}
{%- endmacro %}

{# Credit or cents of a touch by a model, of int_attribution_credits as c, to which
   join_markov_credits() has joined what the Markov chain says. #}
{% macro credited(what, model) -%}
    {%- if model == 'markov' -%}
        coalesce(m.{{ what }}_markov, c.{{ what }}_linear)
    {%- else -%}
        c.{{ what }}_{{ model }}
    {%- endif -%}
{%- endmacro %}

{% macro join_markov_credits() -%}
left join {{ ref('int_attribution_markov') }} as m
        on c.order_id = m.order_id and c.position = m.position
{%- endmacro %}
