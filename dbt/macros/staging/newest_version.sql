{# Rows of `relation` that are the newest version of their key: by updated_at (where the table has
   one), then the delivery date in the file's name, the file's content and the line. Never by load
   order, so that late and repeated deliveries end in the same table. #}
{% macro newest_version(relation, key, has_updated_at=false) %}
    select *
    from (
        select
            *,
            row_number() over (
                partition by {{ key | join(', ') }}
                order by
                    {% if has_updated_at %}updated_at desc nulls last,
                    {% endif %}_delivered_on desc nulls last,
                    _file_hash desc nulls last,
                    _line desc nulls last
            ) as version_rank
        from {{ relation }}
    ) as versions
    where version_rank = 1
{% endmacro %}

{# The one place where as_of cuts: a row whose own event is later stays in raw. A row that does not
   say when it happened is kept. #}
{% macro not_after_as_of(ts) -%}
    ({{ ts }} is null or {{ ts }} < {{ end_of_as_of() }})
{%- endmacro %}

{% macro date_not_after_as_of(date) -%}
    ({{ date }} is null or {{ date }} <= {{ as_of() }})
{%- endmacro %}
