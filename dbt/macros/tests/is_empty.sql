{# Every row of the model is a failure: for models that list what must not be. #}
{% test is_empty(model) %}
    select * from {{ model }}
{% endtest %}
