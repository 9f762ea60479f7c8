{# A setting of this installation, as this build took it. #}
{% macro setting(name) -%}
    (select settings.{{ name }} from {{ source('control', 'parameters') }} as settings)
{%- endmacro %}
