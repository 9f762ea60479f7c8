{# Logs how many rows a model has, for whoever reads dbt's messages while it works; runs nothing
   but the count. A hook after every model and seed, see dbt_project.yml. #}
{% macro tell_row_count(relation) %}
    {%- if execute -%}
        {%- set counted = run_query('select count(*) from ' ~ relation) -%}
        {%- do log('row count: ' ~ counted.rows[0][0], info=true) -%}
    {%- endif -%}
{% endmacro %}
