{# The amount of an order line after its own discount, in the order's currency: its own amount, or
   quantity x unit price. #}
{% macro own_line_amount(line) -%}
    coalesce(
        {{ line }}.line_amount, {{ line_amount(line ~ '.quantity', line ~ '.unit_price') }}
    ) - coalesce({{ line }}.discount_amount, 0)
{%- endmacro %}
