{# What the tables stand for, and whether a model can go on from there. One row per model in
   increment.states, which is written in the transaction that changes its table. #}

{# What the compiled SQL declares: {kind: none, keeps or key; key; keys_sql}. #}
{% macro increment_declared(sql) %}
    {%- set found = modules.re.search('/\\* increment by ([^\\n]+)\\n(.*?)\\*/', sql, modules.re.S) -%}
    {%- if found -%}
        {{ return({'kind': 'key', 'key': found.group(1), 'keys_sql': found.group(2)}) }}
    {%- elif '/* keeps changes */' in sql -%}
        {{ return({'kind': 'keeps', 'key': none, 'keys_sql': ''}) }}
    {%- endif -%}
    {{ return({'kind': 'none', 'key': none, 'keys_sql': ''}) }}
{% endmacro %}

{# Whether there is a state: hourglass makes its tables (dagster_project/transform/increments.py), or
   keeps it with Spark's (dagster_project/engine/increments.py). Without one all is built whole. #}
{% macro has_increment_state() %}
    {{ return(adapter.dispatch('has_increment_state', 'hourglass')()) }}
{% endmacro %}

{% macro default__has_increment_state() %}
    {{ return(adapter.get_relation(database, 'increment', 'states') is not none) }}
{% endmacro %}

{% macro spark__has_increment_state() %}
    {{ return(adapter.increments_pay is defined and adapter.increments_pay()) }}
{% endmacro %}

{# Models, seeds, raw tables and other sources that the model reads: {models: [name], seeds: [checksum],
   raw: [system.table], others: [system.table]}. What a query reads of control is in its fingerprint. #}
{% macro increment_inputs() %}
    {%- set inputs = {'models': [], 'seeds': [], 'raw': [], 'others': []} -%}
    {%- for id in model.depends_on.nodes | unique -%}
        {%- if id in graph.sources -%}
            {%- set source = graph.sources[id] -%}
            {%- set name = source.schema ~ '.' ~ source.identifier -%}
            {%- if source.schema not in ('control', 'identity', 'ledger', 'predictions') -%}
                {%- do inputs.raw.append(name) -%}
            {%- elif name != 'control.parameters' -%}
                {%- do inputs.others.append(name) -%}
            {%- endif -%}
        {%- elif graph.nodes[id].resource_type == 'seed' -%}
            {%- do inputs.seeds.append(graph.nodes[id].name ~ ' ' ~ graph.nodes[id].checksum.checksum) -%}
        {%- else -%}
            {%- do inputs.models.append(graph.nodes[id].name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(inputs) }}
{% endmacro %}

{# Whether a model that goes on from build to build reads this one: only then is it worth knowing
   which rows of it differ. #}
{% macro increment_is_followed() %}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        {%- if model.unique_id in node.depends_on.nodes
            and ('increment_by(' in node.raw_code or 'keeps_changes(' in node.raw_code) -%}
            {{ return(true) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(false) }}
{% endmacro %}

{# Changes with whatever decides over the table besides the rows that it reads: its compiled SQL with
   all macros and variables, seeds, the settings that it names, dbt and the engine. #}
{% macro increment_fingerprint(sql, inputs, settings) %}
    {%- set of_a_build = [
        'build_id', 'as_of', 'started_at', 'inputs', 'input_parts', 'make_current'
    ] -%}
    {%- set parts = [sql, dbt_version] + inputs.seeds | sort -%}
    {%- for name, value in settings.items() if name not in of_a_build -%}
        {%- if name == 'engine' or modules.re.search('\\b' ~ name ~ '\\b', sql) -%}
            {%- do parts.append(name ~ '=' ~ value) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(local_md5(parts | join('\n'))) }}
{% endmacro %}

{# Rows of the last of some statements, as tuples. dbt's own run_query makes a table of agate of them,
   which takes 10 ms each. The first statement of a model begins its transaction. #}
{% macro fetched(sql) %}
    {{ return(adapter.add_query(sql)[1].fetchall()) }}
{% endmacro %}

{# The settings of this build by name, and the engine's version. #}
{% macro increment_settings() %}
    {%- set cursor = adapter.add_query('select version() as engine, * from control.parameters')[1] -%}
    {%- set names = cursor.description | map(attribute=0) | list -%}
    {%- set rows = cursor.fetchall() -%}
    {{ return(dict(zip(names, rows[0])) if rows else {}) }}
{% endmacro %}

{# The state of this model and of those that it reads, by name. #}
{% macro increment_states(models) %}
    {{ return(adapter.dispatch('increment_states', 'hourglass')(models)) }}
{% endmacro %}

{% macro spark__increment_states(models) %}
    {{ return(adapter.increment_states([model.name] + models)) }}
{% endmacro %}

{% macro default__increment_states(models) %}
    {%- set names = ([model.name] + models) | map('replace', "'", "''") | join("', '") -%}
    {%- set states = {} -%}
    {%- for row in fetched(
        "select model, generation, kept_from, fingerprint, as_of, row_count, key_count, inputs "
        ~ "from increment.states where model in ('" ~ names ~ "')"
    ) -%}
        {%- do states.update({row[0]: {
            'generation': row[1], 'kept_from': row[2], 'fingerprint': row[3], 'as_of': row[4],
            'row_count': row[5], 'key_count': row[6], 'inputs': fromjson(row[7])
        }}) -%}
    {%- endfor -%}
    {{ return(states) }}
{% endmacro %}

{# How the table is to be built: `anew` (nothing of it can be believed), `whole` (built whole, and
   compared with what is there), `part` (by its keys) or `kept` (nothing that it reads has changed). #}
{% macro increment_way(existing, sql, declared, inputs, states, fingerprint, as_of) %}
    {%- set own = states.get(model.name) -%}
    {%- if own is none or flags.FULL_REFRESH or own.fingerprint != fingerprint
        or not increment_table_is_there(existing, own) -%}
        {{ return('anew') }}
    {%- endif -%}
    {#- Comments and the keys' own query say nothing of what the table depends on. -#}
    {%- set query = modules.re.sub('/\\* increment by .*?\\*/|--[^\\n]*', '', sql, flags=modules.re.S) -%}
    {%- set moved = [] -%}
    {%- if own.as_of != as_of and modules.re.search('\\bas_of\\b', query)
        and '{as_of before}' not in declared.keys_sql -%}
        {%- do moved.append('as_of') -%}
    {%- endif -%}
    {%- for name in inputs.models if ('{any change of ' ~ name ~ '}') not in declared.keys_sql -%}
        {%- set before = own.inputs.get(name) -%}
        {%- set now = states.get(name) -%}
        {%- if before is none or now is none or before > now.generation or before < now.kept_from
            or (before != now.generation and ('{changes of ' ~ name ~ '}') not in declared.keys_sql) -%}
            {%- do moved.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in inputs.raw
        if ('{new records of ' ~ name ~ '}') not in declared.keys_sql
        and ('{any change of ' ~ name ~ '}') not in declared.keys_sql -%}
        {%- do moved.append(name) -%}
    {%- endfor -%}
    {%- if moved or inputs.others -%}
        {{ return('whole') }}
    {%- endif -%}
    {{ return('part' if declared.kind == 'key' else 'kept') }}
{% endmacro %}

{# Whether the table is the one that its state speaks of. Of Spark's, the state says of which files it
   is made. #}
{% macro increment_table_is_there(existing, own) %}
    {{ return(adapter.dispatch('increment_table_is_there', 'hourglass')(existing, own)) }}
{% endmacro %}

{% macro default__increment_table_is_there(existing, own) %}
    {{ return(
        existing is not none and existing.is_table
        and fetched('select count(*) from ' ~ this)[0][0] == own.row_count
    ) }}
{% endmacro %}

{% macro spark__increment_table_is_there(existing, own) %}
    {{ return(true) }}
{% endmacro %}

{# Files that the raw tables hold now, as rows to compare with those of increment.files. #}
{% macro increment_files(raw) -%}
    {%- for name in raw %}
    select
        '{{ name }}' as source,
        r.*,
        max(f.loaded_at) as loaded_at
    from (
        select
            _file_hash as file_hash,
            _delivered_on as delivered_on,
            _source as target,
            count(*) as records
        from {{ name }}
        group by all
    ) as r
    left join ledger.files as f on r.file_hash = f.file_hash
    group by all
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
