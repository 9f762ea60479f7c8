{# Logs how many rows a model has, for whoever reads dbt's messages while it works; runs nothing
   but the count. A hook after every model and seed, see dbt_project.yml; a table in DuckDB tells by
   itself (materializations/table.sql). On Spark the files of a table say it, where Hourglass started
   dbt: some 130 queries a run went for it (2026-12). #}
{% macro tell_row_count(relation) %}
    {%- set is_table = model.config.materialized in ['table', 'seed'] -%}
    {%- set tells_itself = target.type == 'duckdb' and model.config.materialized == 'table' -%}
    {%- if execute and not tells_itself -%}
        {%- set said = [] -%}
        {%- if is_table and adapter.rows_written is defined -%}
            {%- do said.append(adapter.rows_written(relation.schema, relation.identifier)) -%}
        {%- endif -%}
        {%- if said == [] or said[0] is none -%}
            {%- set said = [run_query('select count(*) from ' ~ relation).rows[0][0]] -%}
        {%- endif -%}
        {%- do log('row count: ' ~ said[0], info=true) -%}
    {%- endif -%}
{% endmacro %}
