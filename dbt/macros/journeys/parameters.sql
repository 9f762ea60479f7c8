{# Half an hour without an event ends a session (design: Touchpoint). #}
{% macro session_gap_seconds() -%}
    1800
{%- endmacro %}

{% macro lookback_days() -%}
    (select p.lookback_days from {{ source('control', 'parameters') }} as p)
{%- endmacro %}

{% macro half_life_days() -%}
    (select p.half_life_days from {{ source('control', 'parameters') }} as p)
{%- endmacro %}
