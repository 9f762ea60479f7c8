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
(1 = 1 /* within {{ expression }} */)
{%- endmacro %}

{# The same for a table that does not hold the key: that its expression is one that `query` gives, which
   reads a table that is_within() has cut. #}
{% macro is_among(expression, query) -%}
(1 = 1 /* {{ expression }} among {{ query }} */)
{%- endmacro %}

{# Rows that came into a model or went from it since this model was built, with all its columns. A row
   that changed is there as it was and as it is. #}
{% macro changes_of(model) -%}
{%- set relation = ref(model) -%}
{changes of {{ model }}}
{%- endmacro %}

{# Rows of some columns, the key among them, that a model has now and had not when this one was built,
   or the other way round: a product whose stock alone moved is not there. A row that stayed came and
   went, so that it is there an even number of times. #}
{% macro changes_in(model, columns) -%}
(
    select {{ columns | join(', ') }}
    from {{ changes_of(model) }} as changed
    group by {{ columns | join(', ') }}
    having count(*) % 2 = 1
)
{%- endmacro %}

{# A condition of keys that are rebuilt every time, because any row of a model, or of a raw table of
   `system`, may change them: who reads it so needs nothing of what changed in it. #}
{% macro at_any_change_of(model, system=none) -%}
{%- set relation = source(system, model) if system else ref(model) -%}
{any change of {{ system ~ '.' ~ model if system else model }}}
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
