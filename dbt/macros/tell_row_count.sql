{# Logs how many rows a model has, for whoever reads dbt's messages while it works; runs nothing
   but the count. A hook after every model and seed, see dbt_project.yml; a table in DuckDB tells by
   itself (materializations/table.sql). #}
{% macro tell_row_count(relation) %}
    {%- set tells_itself = target.type == 'duckdb' and model.config.materialized == 'table' -%}
    {%- if execute and not tells_itself -%}
        {%- set counted = run_query('select count(*) from ' ~ relation) -%}
        {%- do log('row count: ' ~ counted.rows[0][0], info=true) -%}
    {%- endif -%}
{% endmacro %}
