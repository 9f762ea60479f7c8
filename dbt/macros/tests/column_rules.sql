{# The column rules of one model as one test: a row per rule with the number of rows that break it.

   not_null: columns without a missing value
   unique: keys, each a column or a list of columns; a key with a missing part in a single column
       is not compared, as in SQL
   accepted_values: column to its values; a missing value is accepted
   holds: name to an expression that is true in every row; an unknown one is a failure

   The rows are kept in schema column_rules, where the quality gate reads which rules were proved.
   Keys are grouped; all other rules are counted in one scan. #}
{% test column_rules(model, not_null=[], unique=[], accepted_values={}, holds={}) %}
    {{ config(
        store_failures=true,
        store_failures_as='table',
        schema='column_rules',
        fail_calc='coalesce(sum(failing_rows), 0)'
    ) }}
    {%- set broken = [] -%}
    {%- for column in not_null -%}
        {%- do broken.append(('not_null(' ~ column ~ ')', column ~ ' is null')) -%}
    {%- endfor -%}
    {%- for column, values in accepted_values.items() -%}
        {%- set listed = [] -%}
        {%- for value in values -%}
            {%- do listed.append(dbt.string_literal(dbt.escape_single_quotes(value)) if value is string else value) -%}
        {%- endfor -%}
        {%- do broken.append((
            'accepted_values(' ~ column ~ ')', column ~ ' not in (' ~ listed | join(', ') ~ ')'
        )) -%}
    {%- endfor -%}
    {%- for name, expression in holds.items() -%}
        {%- do broken.append((name, 'not coalesce(' ~ expression ~ ', false)')) -%}
    {%- endfor -%}
    {%- if broken | length + unique | length == 0 -%}
        {{ exceptions.raise_compiler_error('column_rules of ' ~ model ~ ' names no rule.') }}
    {%- endif %}
    {% if broken %}
    with counted as (
        select
            {% for _, condition in broken %}
            count(case when {{ condition }} then 1 end) as rule_{{ loop.index }}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ model }}
    )

    {% for name, _ in broken %}
    select {{ dbt.string_literal(name) }} as rule_name, rule_{{ loop.index }} as failing_rows
    from counted
    {{ 'union all' if not loop.last or unique }}
    {% endfor %}
    {% endif %}
    {% for key in unique %}
    {%- set columns = [key] if key is string else key %}
    select
        {{ dbt.string_literal('unique(' ~ columns | join(', ') ~ ')') }} as rule_name,
        coalesce(sum(row_count), 0) as failing_rows
    from (
        select count(*) as row_count
        from {{ model }}
        {{ 'where ' ~ columns[0] ~ ' is not null' if columns | length == 1 }}
        group by {{ columns | join(', ') }}
        having count(*) > 1
    ) as repeated
    {{ 'union all' if not loop.last }}
    {% endfor %}
{% endtest %}
