{# What Spark needs to write a table: Parquet below one folder, types by its own names, seeds as
   literals. dbt-spark's macros do otherwise; DuckDB's are left as they are. #}

{# What dbt itself calls incremental merges rows into a table, which Parquet on Spark cannot. #}
{% macro should_full_refresh() -%}
    {{ return(dbt.should_full_refresh() or target.type == 'spark') }}
{%- endmacro %}

{# A type of a contract or a seed as the engine calls it. #}
{% macro engine_type(data_type) -%}
    {{ adapter.dispatch('engine_type', 'hourglass')(data_type) }}
{%- endmacro %}

{% macro default__engine_type(data_type) -%}
    {{ data_type }}
{%- endmacro %}

{% macro spark__engine_type(data_type) -%}
    {{ 'string' if data_type | lower | trim == 'varchar' else data_type }}
{%- endmacro %}

{# dbt's own cast, which the check of a contract uses. #}
{% macro spark__cast(field, type) -%}
    cast({{ field }} as {{ engine_type(type) }})
{%- endmacro %}

{# Below the folder by schema and name, where the catalog is made from again. #}
{% macro spark__location_clause() -%}
    location '{{ env_var("HOURGLASS_SPARK_WAREHOUSE") }}/{{ model.schema }}/{{ model.alias }}'
{%- endmacro %}

{# Parquet tables take no constraint (the data tests hold them) and no column comments (the
   published version gets them from the manifest). #}
{% macro spark__persist_constraints(relation, model) %}{% endmacro %}
{% macro spark__persist_docs(relation, model, for_relation, for_columns) %}{% endmacro %}
{% macro spark__comment_clause() %}{% endmacro %}

{# A cell of a seed as a literal: an empty one is NULL, and no sign in a text ends it. dbt-spark
   writes the text None for an empty cell and lets an apostrophe end the literal. #}
{% macro spark_literal(value) -%}
    {%- if value is none -%}
        null
    {%- else -%}
        '{{ value | string | replace("\\", "\\\\") | replace("'", "\\'") }}'
    {%- endif -%}
{%- endmacro %}

{% macro spark__create_csv_table(model, agate_table) %}
    {%- set types = model['config'].get('column_types', {}) -%}
    {% set sql %}
        create table {{ this.render() }} (
            {%- for name in agate_table.column_names %}
            {{ adapter.quote(name) }}
            {{ engine_type(types.get(name, adapter.convert_type(agate_table, loop.index0))) }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        )
        {{ file_format_clause() }}
        {{ location_clause() }}
    {% endset %}
    {% call statement('_') %}{{ sql }}{% endcall %}
    {{ return(sql) }}
{% endmacro %}

{# All rows in one statement, in place of what the folder may hold. #}
{% macro spark__load_csv_rows(model, agate_table) %}
    {%- set types = model['config'].get('column_types', {}) -%}
    {% set sql %}
        insert overwrite {{ this.render() }}
        {% if agate_table.rows | length == 0 -%}
        select * from {{ this.render() }} where false
        {%- else -%}
        select
            {%- for name in agate_table.column_names %}
            cast({{ adapter.quote(name) }} as
            {{ engine_type(types.get(name, adapter.convert_type(agate_table, loop.index0))) }})
            {{- ',' if not loop.last }}
            {%- endfor %}
        from values
            {%- for row in agate_table.rows %}
            ({% for cell in row %}{{ spark_literal(cell) }}{{ ', ' if not loop.last }}{% endfor %})
            {{- ',' if not loop.last }}
            {%- endfor %}
            as seed ({% for name in agate_table.column_names %}{{ adapter.quote(name) }}{{ ', ' if not loop.last }}{% endfor %})
        {%- endif %}
    {% endset %}
    {% do adapter.add_query(sql, abridge_sql_log=True) %}
    {{ return(sql) }}
{% endmacro %}

{# A contract's types are given and not compared: row numbers and differences of days are wider on
   DuckDB, which holds the model to its contract. A column that is missing is an error here too. #}
{% macro spark__get_assert_columns_equivalent(sql) %}{% endmacro %}

{% macro spark__get_select_subquery(sql) %}
    select
        {%- for name, column in model['columns'].items() %}
        cast({{ adapter.quote(name) }} as {{ engine_type(column['data_type']) }}) as {{ adapter.quote(name) }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from (
        {{ sql }}
    ) as model_subq
{%- endmacro %}
