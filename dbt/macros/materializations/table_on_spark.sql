{# A table on Spark. A model that declares an increment goes on from what is there: Spark has no
   statement that replaces rows of Parquet, so its table is cut into buckets of keys, and those that hold
   a changed key are written anew beside the old ones (dagster_project/engine/increments.py). Every other
   model is dbt-spark's table, and so is each where dbt was started without Hourglass. #}
{% materialization table, adapter='spark' %}
    {%- set declared = increment_declared(compiled_code) -%}
    {%- if declared.kind == 'none' or not has_increment_state() -%}
        {%- if adapter.increment_forgotten is defined -%}
            {%- do adapter.increment_forgotten(model.schema, model.name) -%}
        {%- endif -%}
        {{ return(dbt.materialization_table_spark()) }}
    {%- endif -%}
    {%- set target = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks) }}
    {%- do write_changes(declared) -%}
    {% call noop_statement('main', 'OK') %}{{ compiled_code }}{% endcall %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{# What replace_changes() does on DuckDB: the table, the rows that changed, and what it stands for. #}
{% macro write_changes(declared) %}
    {%- set inputs = increment_inputs() -%}
    {%- set settings = increment_settings() -%}
    {%- set as_of = settings.get('as_of') | string -%}
    {%- set states = increment_states(inputs.models) -%}
    {%- set fingerprint = increment_fingerprint(compiled_code, inputs, settings) -%}
    {%- set own = states.get(model.name) -%}
    {%- set way = increment_way(
        this, compiled_code, declared, inputs, states, fingerprint, as_of
    ) -%}
    {%- set raw = inputs.raw if '{new records of ' in declared.keys_sql else [] -%}
    {%- set files = adapter.increment_files(model.name, raw) -%}
    {%- if way == 'part' and files is none -%}
        {%- set way = 'whole' -%}
    {%- endif -%}
    {%- if way == 'whole' and not increment_is_followed() -%}
        {%- set way = 'anew' -%}
    {%- endif -%}
    {%- set state = {'inputs': {}} -%}
    {%- for input in inputs.models if input in states -%}
        {%- do state.inputs.update({input: states[input].generation}) -%}
    {%- endfor -%}
    {#- A job of Spark that finds nothing takes as long as one that does. -#}
    {%- set is_told = raw or not inputs.raw -%}
    {%- if way == 'part' and is_told and own.inputs == state.inputs and own.as_of == as_of
        and not files.values() | select | list -%}
        {%- set way = 'kept' -%}
    {%- endif -%}
    {%- do adapter.increment_written({
        'schema': model.schema,
        'name': model.name,
        'way': way,
        'key': declared.key,
        'query': increment_rows(compiled_code),
        'part': increment_rows(part_query()) if way == 'part',
        'keys': keys_query(this, declared, inputs, own, state, files) if way == 'part',
        'is_followed': increment_is_followed(),
        'raw': raw,
        'state': {'inputs': state.inputs, 'fingerprint': fingerprint, 'as_of': as_of},
    }) -%}
{% endmacro %}

{# A query of the model with the types of its contract. #}
{% macro increment_rows(query) %}
    {{ return(get_select_subquery(query) if config.get('contract').enforced else query) }}
{% endmacro %}
