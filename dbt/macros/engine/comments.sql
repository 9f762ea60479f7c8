{# Comments of published columns. A reader who sums a column must know whether its sum means
   anything: the model's metadata says so (`additive`, `additive_within`), and the comment of every
   other number says that it is not to be summed. #}

{# What the column's comment says of its sum; '' for what is no number, or may be summed. #}
{% macro summing_note(name, column, meta) -%}
    {%- set kind = (column['data_type'] or '') | lower -%}
    {%- set is_number = kind.startswith('bigint') or kind.startswith('integer')
        or kind.startswith('double') or kind.startswith('decimal') -%}
    {%- if is_number and meta is mapping and 'additive' in meta and name not in meta['additive'] -%}
        {%- set within = [] -%}
        {%- for dimension, columns in (meta.get('additive_within') or {}).items() -%}
            {%- if name in columns -%}{%- do within.append(dimension) -%}{%- endif -%}
        {%- endfor -%}
        {{- ' Sum it only over rows of one ' ~ (within | join(', ')) ~ '.' if within
            else ' Not additive: never sum it.' -}}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__alter_column_comment(relation, column_dict) %}
    {%- set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- for name in column_dict if name in present -%}
        {%- set comment = column_dict[name]['description']
            ~ summing_note(name, column_dict[name], model.config.get('meta')) %}
        comment on column {{ relation }}.{{ adapter.quote(name) }}
        is {{ duckdb_escape_comment(comment) }};
    {%- endfor -%}
{% endmacro %}
