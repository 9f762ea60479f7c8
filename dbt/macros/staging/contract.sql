{# Written by make contracts: change dagster_project/contracts/*.yml instead. #}

{# Source tables that hold any record: source_system, source_name (as crm.contacts). #}
{% macro sources_present() %}
    select
        'crm' as source_system,
        'crm.contacts' as source_name
    where exists (select 1 from {{ source('crm', 'contacts') }})
    union all
    select
        'crm' as source_system,
        'crm.contact_points' as source_name
    where exists (select 1 from {{ source('crm', 'contact_points') }})
    union all
    select
        'crm' as source_system,
        'crm.attributes' as source_name
    where exists (select 1 from {{ source('crm', 'attributes') }})
    union all
    select
        'crm' as source_system,
        'crm.deals' as source_name
    where exists (select 1 from {{ source('crm', 'deals') }})
    union all
    select
        'crm' as source_system,
        'crm.consents' as source_name
    where exists (select 1 from {{ source('crm', 'consents') }})
    union all
    select
        'crm' as source_system,
        'crm.surveys' as source_name
    where exists (select 1 from {{ source('crm', 'surveys') }})
    union all
    select
        'crm' as source_system,
        'crm.erasure_requests' as source_name
    where exists (select 1 from {{ source('crm', 'erasure_requests') }})
    union all
    select
        'shop' as source_system,
        'shop.accounts' as source_name
    where exists (select 1 from {{ source('shop', 'accounts') }})
    union all
    select
        'shop' as source_system,
        'shop.products' as source_name
    where exists (select 1 from {{ source('shop', 'products') }})
    union all
    select
        'shop' as source_system,
        'shop.orders' as source_name
    where exists (select 1 from {{ source('shop', 'orders') }})
    union all
    select
        'shop' as source_system,
        'shop.order_lines' as source_name
    where exists (select 1 from {{ source('shop', 'order_lines') }})
    union all
    select
        'shop' as source_system,
        'shop.coupon_redemptions' as source_name
    where exists (select 1 from {{ source('shop', 'coupon_redemptions') }})
    union all
    select
        'shop' as source_system,
        'shop.refunds' as source_name
    where exists (select 1 from {{ source('shop', 'refunds') }})
    union all
    select
        'shop' as source_system,
        'shop.web_events' as source_name
    where exists (select 1 from {{ source('shop', 'web_events') }})
    union all
    select
        'shop' as source_system,
        'shop.reviews' as source_name
    where exists (select 1 from {{ source('shop', 'reviews') }})
    union all
    select
        'shop' as source_system,
        'shop.loyalty_transactions' as source_name
    where exists (select 1 from {{ source('shop', 'loyalty_transactions') }})
    union all
    select
        'shop' as source_system,
        'shop.exchange_rates' as source_name
    where exists (select 1 from {{ source('shop', 'exchange_rates') }})
    union all
    select
        'marketing' as source_system,
        'marketing.campaigns' as source_name
    where exists (select 1 from {{ source('marketing', 'campaigns') }})
    union all
    select
        'marketing' as source_system,
        'marketing.ad_spend' as source_name
    where exists (select 1 from {{ source('marketing', 'ad_spend') }})
    union all
    select
        'marketing' as source_system,
        'marketing.messages' as source_name
    where exists (select 1 from {{ source('marketing', 'messages') }})
    union all
    select
        'marketing' as source_system,
        'marketing.social_interactions' as source_name
    where exists (select 1 from {{ source('marketing', 'social_interactions') }})
    union all
    select
        'marketing' as source_system,
        'marketing.experiments' as source_name
    where exists (select 1 from {{ source('marketing', 'experiments') }})
    union all
    select
        'marketing' as source_system,
        'marketing.experiment_assignments' as source_name
    where exists (select 1 from {{ source('marketing', 'experiment_assignments') }})
    union all
    select
        'call_center' as source_system,
        'call_center.calls' as source_name
    where exists (select 1 from {{ source('call_center', 'calls') }})
    union all
    select
        'call_center' as source_system,
        'call_center.agents' as source_name
    where exists (select 1 from {{ source('call_center', 'agents') }})
    union all
    select
        'call_center' as source_system,
        'call_center.tickets' as source_name
    where exists (select 1 from {{ source('call_center', 'tickets') }})
{%- endmacro %}

{# The columns of a contract table in its order, each of `relation`. #}
{% macro contract_columns(table, relation) %}
    {%- set columns = {
        'shop.order_lines': [
            'order_id',
            'line_number',
            'product_id',
            'quantity',
            'unit_price',
            'line_amount',
            'discount_amount',
            'kind'
        ]
    }[table] -%}
    {%- for column in columns %}
    {{ relation }}.{{ column }}{{ "," if not loop.last }}
    {%- endfor %}
{%- endmacro %}
