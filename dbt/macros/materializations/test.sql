{# A data test in DuckDB by one statement: what it found is kept, where the test says so, and counted.
   dbt's own way drops, creates, commits and counts apart. #}
{% materialization test, adapter='duckdb' %}
    {%- set found = get_limit_subquery_sql(sql, config.get('limit')) -%}
    {%- set relations = [] -%}
    {%- set is_kept = should_store_failures() -%}
    {%- if is_kept -%}
        {%- set kept = api.Relation.create(
            identifier=model['alias'], schema=schema, database=database, type='table'
        ) -%}
        {%- do relations.append(kept) -%}
    {%- endif -%}
    {% call statement('main', fetch_result=True) %}
        {% if is_kept %}create or replace table {{ kept }} as ({{ found }});{% endif %}
        {{ get_test_sql(
            'select * from ' ~ kept if is_kept else found,
            config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none
        ) }}
    {% endcall %}
    {%- if is_kept -%}{{ adapter.commit() }}{%- endif -%}
    {{ return({'relations': relations}) }}
{% endmaterialization %}
