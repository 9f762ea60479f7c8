{# A class by cumulative share of a measure, from the highest down: `first` while those strictly
   above hold less than 80%, `second` less than 95%, else `third`. Equals share a class. `above` is
   what those strictly above hold, `total` what all hold. #}
{% macro pareto_class(above, total, first="'A'", second="'B'", third="'C'") -%}
    case
        when {{ above }} * 100 < {{ total }} * 80 then {{ first }}
        when {{ above }} * 100 < {{ total }} * 95 then {{ second }}
        else {{ third }}
    end
{%- endmacro %}
