{# Text and hashes. #}

{# 32 hexadecimal digits; for surrogate keys, not for secrets. #}
{% macro hash_text(text) -%}
    md5({{ text }})
{%- endmacro %}

{# A whole number of 64 bits that equal values share and others nearly never, in a type that sums of
   it fit; of one version of one engine alone, so in no mart: an increment forgets it with the version. #}
{% macro mark_of(columns) -%}
    {{ adapter.dispatch('mark_of', 'hourglass')(columns) }}
{%- endmacro %}

{% macro default__mark_of(columns) -%}
    cast(hash({{ columns | join(', ') }}) as hugeint)
{%- endmacro %}

{% macro spark__mark_of(columns) -%}
    cast(xxhash64({{ columns | join(', ') }}) as decimal(38, 0))
{%- endmacro %}

{# One key from several columns; NULL and '' differ, and no value can imitate the separator. #}
{% macro surrogate_key(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append(
            "coalesce(concat(cast(length(cast(" ~ column ~ " as " ~ dbt.type_string() ~ ")) as "
            ~ dbt.type_string() ~ "), ':', cast(" ~ column ~ " as " ~ dbt.type_string() ~ ")), '-')"
        ) -%}
    {%- endfor -%}
    {{ hash_text("concat(" ~ parts | join(", '|', ") ~ ")") }}
{%- endmacro %}

{# First group of a regular expression (RE2 and Java agree on what is used here); NULL when it
   does not match. #}
{% macro regexp_group(text, pattern, group=1) -%}
    nullif(regexp_extract({{ text }}, '{{ pattern }}', {{ group }}), '')
{%- endmacro %}
