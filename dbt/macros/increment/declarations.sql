{# What a model says of its increment (docs/increments.md). Each of these is a comment in the compiled
   SQL, which stays the query of the whole table: another engine, and whoever runs it by hand, build
   everything. Where there is something to go on from, replace_changes() puts SQL in their place. #}

{# The table is rebuilt by `key`, a column or an expression over its own columns that is never NULL,
   for the keys that the block selects: every key of which a row may have come, gone or changed. The
   block says what of each input may change them: changes_of(), new_records_of(), as_of_before(). An
   input that it leaves out has the whole table rebuilt when it changes, and so has an as_of. #}
{% macro increment_by(key) -%}
/* increment by {{ key }}
{{ caller() | trim }}
*/
{%- endmacro %}

{# The table is always built whole; the rows that came and went are kept for those who read it. #}
{% macro keeps_changes() -%}
/* keeps changes */
{%- endmacro %}

{# A condition that holds of every row, or of those of the keys that are rebuilt. It belongs where a
   table is read: below a window or a sum the engine does not push it down by itself. #}
{% macro is_within(expression) -%}
(true /* within {{ expression }} */)
{%- endmacro %}

{# Rows that came into a model or went from it since this model was built, with all its columns. A row
   that changed is there as it was and as it is. #}
{% macro changes_of(model) -%}
{%- set relation = ref(model) -%}
{changes of {{ model }}}
{%- endmacro %}

{# Records of a raw table that were loaded since this model was built. Where records went, or a file was
   read again or dated otherwise, the model is rebuilt whole. #}
{% macro new_records_of(system, table) -%}
{%- set relation = source(system, table) -%}
{new records of {{ system }}.{{ table }}}
{%- endmacro %}

{# as_of of the build that the table stands for, as a literal. #}
{% macro as_of_before() -%}
{as_of before}
{%- endmacro %}

{# The table as it stands, for keys that only its own rows know. #}
{% macro rows_before() -%}
{rows before}
{%- endmacro %}

{# Whether a moment may lie on one side of as_of before and on the other now: a day and a half more on
   either side, which is wider than any time zone. #}
{% macro may_have_crossed(ts) -%}
(
    {{ as_of_before() }} <> {{ as_of() }}
    and {{ ts }} >= least({{ as_of_before() }}, {{ as_of() }}) - interval '1' day
    and {{ ts }} < greatest({{ as_of_before() }}, {{ as_of() }}) + interval '3' day
)
{%- endmacro %}
