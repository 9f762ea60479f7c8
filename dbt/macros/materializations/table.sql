{# A table in DuckDB, replaced by one statement. dbt-duckdb's own way is ten: it looks for indexes and
   grants, builds beside, renames both, and drops the old one, each with a macro context of its own,
   which of a small company's build was most. `create or replace` is as safe: it is part of the
   transaction, so that a model that fails leaves the table that was there. A model that declares an
   increment goes on from the table that is there (macros/increment, docs/increments.md).

   The number of rows is logged as tell_row_count does, without another query. Tables and columns are
   described where they are published (dagster_project/publish/writing.py), not here. #}
{% materialization table, adapter='duckdb' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is not none and not existing.is_table -%}
        {%- do adapter.drop_relation(existing) -%}
        {%- set existing = none -%}
    {%- endif -%}
    {{ run_hooks(pre_hooks) }}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(compiled_code) -%}
    {%- endif -%}
    {%- set declared = increment_declared(compiled_code) -%}
    {%- if declared.kind != 'none' and has_increment_state() -%}
        {%- set rows = replace_changes(target, existing, declared) -%}
    {%- else -%}
        {%- set rows = fetched(table_of_query(target, compiled_code))[0][0] -%}
    {%- endif -%}
    {% call noop_statement('main', 'OK') %}{{ compiled_code }}{% endcall %}
    {%- do log('row count: ' ~ rows, info=true) -%}
    {%- do create_indexes(target) -%}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{# SQL that makes or replaces `relation` by the rows of a query, with the columns of its contract. #}
{% macro table_of_query(relation, query) %}
    {%- if config.get('contract').enforced %}
        create or replace table {{ relation }} {{ get_table_columns_and_constraints() }};
        insert into {{ relation }} {{ get_column_names() }} ({{ get_select_subquery(query) }})
    {%- else %}
        create or replace table {{ relation }} as ({{ query }})
    {%- endif %}
{% endmacro %}
