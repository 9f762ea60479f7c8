{# Rows for which the expression is false or unknown. #}
{% test expression_holds(model, expression) %}
    select 1 as failing_row
    from {{ model }}
    where not coalesce({{ expression }}, false)
{% endtest %}
