{# Aggregates that the engines name differently. #}

{# The value of one row where the order is highest or lowest; NULL values are passed over. #}
{% macro arg_max(value, by) -%}
    {{ adapter.dispatch('arg_max', 'hourglass')(value, by) }}
{%- endmacro %}

{% macro default__arg_max(value, by) -%}
    arg_max({{ value }}, {{ by }})
{%- endmacro %}

{% macro spark__arg_max(value, by) -%}
    max_by({{ value }}, case when ({{ value }}) is not null then {{ by }} end)
{%- endmacro %}

{% macro arg_min(value, by) -%}
    {{ adapter.dispatch('arg_min', 'hourglass')(value, by) }}
{%- endmacro %}

{% macro default__arg_min(value, by) -%}
    arg_min({{ value }}, {{ by }})
{%- endmacro %}

{% macro spark__arg_min(value, by) -%}
    min_by({{ value }}, case when ({{ value }}) is not null then {{ by }} end)
{%- endmacro %}

{# Window functions: the first and the last value of the frame that is not NULL. #}
{% macro first_known(value) -%}
    {{ adapter.dispatch('first_known', 'hourglass')(value) }}
{%- endmacro %}

{% macro default__first_known(value) -%}
    first_value({{ value }} ignore nulls)
{%- endmacro %}

{% macro spark__first_known(value) -%}
    first_value({{ value }}) ignore nulls
{%- endmacro %}

{% macro last_known(value) -%}
    {{ adapter.dispatch('last_known', 'hourglass')(value) }}
{%- endmacro %}

{% macro default__last_known(value) -%}
    last_value({{ value }} ignore nulls)
{%- endmacro %}

{% macro spark__last_known(value) -%}
    last_value({{ value }}) ignore nulls
{%- endmacro %}

{# Percentile with linear interpolation, `fraction` from 0 to 1. #}
{% macro percentile(value, fraction) -%}
    {{ adapter.dispatch('percentile', 'hourglass')(value, fraction) }}
{%- endmacro %}

{% macro default__percentile(value, fraction) -%}
    quantile_cont({{ value }}, {{ fraction }})
{%- endmacro %}

{% macro spark__percentile(value, fraction) -%}
    percentile({{ value }}, {{ fraction }})
{%- endmacro %}

{# Values of the group in order, joined to one text. #}
{% macro string_agg(value, separator, order_by) -%}
    {{ adapter.dispatch('string_agg', 'hourglass')(value, separator, order_by) }}
{%- endmacro %}

{% macro default__string_agg(value, separator, order_by) -%}
    string_agg({{ value }}, '{{ separator }}' order by {{ order_by }})
{%- endmacro %}

{% macro spark__string_agg(value, separator, order_by) -%}
    listagg({{ value }}, '{{ separator }}') within group (order by {{ order_by }})
{%- endmacro %}

{# Rows for which the condition holds. #}
{% macro count_if(condition) -%}
    count(case when {{ condition }} then 1 end)
{%- endmacro %}
