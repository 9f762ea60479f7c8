{# Confidence intervals of shares at 95%. #}

{# A bound of Wilson's score interval (Wilson 1927) for `hits` of `total`; `sign` is - or +. #}
{% macro wilson_bound(hits, total, sign) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set n = 'cast(' ~ total ~ ' as double)' -%}
    {%- set p = '(' ~ hits ~ ' / ' ~ n ~ ')' -%}
    least(1, greatest(0, (
        {{ p }} + {{ z * z / 2 }} / {{ n }}
        {{ sign }} {{ z }} * sqrt({{ p }} * (1 - {{ p }}) / {{ n }} + {{ z * z / 4 }} / ({{ n }} * {{ n }}))
    ) / (1 + {{ z * z }} / {{ n }})))
{%- endmacro %}
