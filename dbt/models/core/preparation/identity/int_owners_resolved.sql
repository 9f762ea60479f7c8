-- The owner of everything that a row can refer to: a record by its key, or an address as delivered.
{%- set records = {
    'contact': ('crm', 'contacts'),
    'account': ('shop', 'accounts'),
    'call': ('call_center', 'calls'),
    'ticket': ('call_center', 'tickets'),
    'visitor': ('shop', 'web_events'),
} %}
{{ keeps_changes() }}
with

assignments as (
    select
        source_system,
        source_table,
        source_id,
        customer_id
    from {{ source('identity', 'assignments') }}
),

-- An order belongs to the account that it names; a guest's is a record of its own.
orders as (
    select
        orders.order_id,
        coalesce(accounts.customer_id, guests.customer_id) as customer_id
    from {{ ref('stg_shop__orders') }} as orders
    left join assignments as accounts
        on
            orders.account_id = accounts.source_id
            and accounts.source_system = 'shop'
            and accounts.source_table = 'accounts'
    left join assignments as guests
        on
            orders.order_id = guests.source_id
            and guests.source_system = 'shop'
            and guests.source_table = 'orders'
),

final as (
    {%- for kind, (system, table) in records.items() %}
    select
        '{{ kind }}' as reference_kind,
        source_id as reference,
        customer_id
    from assignments
    where source_system = '{{ system }}' and source_table = '{{ table }}'

    union all
    {% endfor %}
    select
        'order' as reference_kind,
        order_id as reference,
        customer_id
    from orders
    where customer_id is not null

    union all

    select
        identifier_kind as reference_kind,
        raw_value as reference,
        customer_id
    from {{ source('identity', 'identifiers') }}
    where
        identifier_kind in ('email', 'phone', 'loyalty_card')
        and customer_id is not null
)

select * from final
