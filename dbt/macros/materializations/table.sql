{# A table in DuckDB, replaced by one statement. dbt-duckdb's own way is ten: it looks for indexes and
   grants, builds beside, renames both, and drops the old one, each with a macro context of its own,
   which of a small company's build was most. `create or replace` is as safe: it is part of the
   transaction, so that a model that fails leaves the table that was there.

   The number of rows is logged as tell_row_count does, without another query. Tables and columns are
   described where they are published (dagster_project/publish/writing.py), not here. #}
{% materialization table, adapter='duckdb' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is not none and not existing.is_table -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {{ run_hooks(pre_hooks) }}
    {%- set is_enforced = config.get('contract').enforced -%}
    {%- if is_enforced -%}
        {%- do get_assert_columns_equivalent(compiled_code) -%}
    {%- endif -%}
    {% call statement('main', fetch_result=True) %}
        {% if is_enforced %}
            create or replace table {{ target }} {{ get_table_columns_and_constraints() }};
            insert into {{ target }} {{ get_column_names() }} ({{ get_select_subquery(compiled_code) }});
        {% else %}
            create or replace table {{ target }} as ({{ compiled_code }});
        {% endif %}
    {% endcall %}
    {%- do log('row count: ' ~ load_result('main')['data'][0][0], info=true) -%}
    {%- do create_indexes(target) -%}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
