-- Visitors (browsers, devices) and the account or order they were seen with. A visitor joins nobody
-- to anybody: it is attached at the end, when all that it was seen with is one person.
with

events as (
    select
        visitor_id,
        'shop' as reference_system,
        'accounts' as reference_table,
        account_id as reference_id,
        min(occurred_at) as first_seen_at
    from {{ ref('stg_shop__web_events') }}
    where account_id is not null
    group by visitor_id, account_id
),

orders as (
    select
        visitor_id,
        'shop' as reference_system,
        case when account_id is null then 'orders' else 'accounts' end as reference_table,
        coalesce(account_id, order_id) as reference_id,
        min(ordered_at) as first_seen_at
    from {{ ref('stg_shop__orders') }}
    where visitor_id is not null
    group by visitor_id, account_id, coalesce(account_id, order_id)
),

seen as (
    select * from events

    union all

    select * from orders
),

final as (
    select
        visitor_id,
        reference_system,
        reference_table,
        reference_id,
        min(first_seen_at) as first_seen_at
    from seen
    group by visitor_id, reference_system, reference_table, reference_id
)

select * from final
