{# List, method, column of its rank in int_products_recommended, and complexity from the simplest. #}
{% macro recommendation_methods() -%}
    {{ return([
        ('buy_again', 'most_bought', 'most_bought_rank', 1),
        ('buy_again', 'habit', 'habit_rank', 2),
        ('discover', 'popularity', 'popularity_rank', 1),
        ('discover', 'item_neighbours', 'neighbour_rank', 2),
        ('discover', 'trending_neighbours', 'trend_rank', 3),
    ]) }}
{%- endmacro %}
