{# Whether a won deal is a sale like an order: as the setting says, else where the shop delivered no
   order at all. #}
{% macro won_deals_are_sales() -%}
    (
        select
            case
                when p.won_deals is not null then p.won_deals = 'sales'
                else (
                    select count(*) = 0
                    from (select 1 as one from {{ source('shop', 'orders') }} limit 1) as delivered
                )
            end
        from {{ source('control', 'parameters') }} as p
    )
{%- endmacro %}
