{% macro lookback_seconds() -%}
    (select cast(86400 as bigint) * p.lookback_days from {{ source('control', 'parameters') }} as p)
{%- endmacro %}
