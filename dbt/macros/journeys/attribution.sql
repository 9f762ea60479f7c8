{# The attribution models, in the order of lists. #}
{% macro attribution_models() -%}
    {{ return([
        'first', 'last', 'last_non_direct', 'linear', 'u_shaped', 'w_shaped', 'time_decay', 'markov',
        'shapley'
    ]) }}
{%- endmacro %}
