{% macro half_life_days() -%}
    (select p.half_life_days from {{ source('control', 'parameters') }} as p)
{%- endmacro %}

{% macro lookback_seconds() -%}
    (select cast(86400 as bigint) * p.lookback_days from {{ source('control', 'parameters') }} as p)
{%- endmacro %}
