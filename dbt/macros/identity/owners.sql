{# Whose a row is: the person behind the references that it carries. Every model asks here, so that
   two tables never give one row to two people. #}

{# Kinds of references, the one that decides first. A record of the company's own books says more
   than an address, and a call says whose telephone rang and not who answers a survey. #}
{% macro owner_kinds() -%}
    {{ return(['contact', 'account', 'order', 'loyalty_card', 'email', 'phone', 'call', 'ticket']) }}
{%- endmacro %}

{# The owner by a row's references: {kind: expression of the key}, in the order of owner_kinds().
   NULL when none resolves. Needs join_owners() with the same references. #}
{% macro owner_by(references) -%}
    {%- set owners = [] -%}
    {%- for kind in owner_kinds() if kind in references -%}
        {%- do owners.append(kind ~ '_owner.customer_id') -%}
    {%- endfor -%}
    {%- if owners | length != references | length -%}
        {{ exceptions.raise_compiler_error(
            'owner_by: one of ' ~ (references | list) ~ ' is none of ' ~ owner_kinds()
        ) }}
    {%- endif -%}
    {{ 'coalesce(' ~ owners | join(', ') ~ ')' if owners | length > 1 else owners[0] }}
{%- endmacro %}

{# The joins that owner_by() needs: at most one row each, and none of the model's own is lost. #}
{% macro join_owners(references) -%}
    {%- for kind in owner_kinds() if kind in references %}
    left join {{ ref('int_owners_resolved') }} as {{ kind }}_owner
        on
            {{ references[kind] }} = {{ kind }}_owner.reference
            and {{ kind }}_owner.reference_kind = '{{ kind }}'
    {%- endfor %}
{%- endmacro %}
