{# Numbers that the marts of products, experiments and loyalty are defined by. #}

{# Pairs: fewer common orders are chance; bigger baskets are stock of a reseller, where everything
   goes with everything; and of each product's partners the most frequent are enough. #}
{% macro affinity_min_orders() -%}
    10
{%- endmacro %}

{% macro affinity_max_basket() -%}
    200
{%- endmacro %}

{% macro affinity_max_partners() -%}
    30
{%- endmacro %}

{# Recommendations for a customer, and the days held back to measure them. #}
{% macro recommendation_count() -%}
    5
{%- endmacro %}

{% macro recommendation_holdout_days() -%}
    90
{%- endmacro %}

{# Days after an assignment in which a sale counts for the variant. #}
{% macro experiment_window_days() -%}
    60
{%- endmacro %}

{# Days for which points live, where the ledger shows that they expire at all. #}
{% macro loyalty_point_days() -%}
    365
{%- endmacro %}

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
