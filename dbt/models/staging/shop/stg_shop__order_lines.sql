-- The lines of an order are replaced as a set: those of the newest file that has any for it, so
-- that a line taken off an order does not live on. Lines of an order that is dated after as_of are
-- left out with it; lines of an order that was never delivered stay.
{% call increment_by('order_id') %}
select order_id from {{ new_records_of('shop', 'order_lines') }} as added

union all

select order_id from {{ new_records_of('shop', 'orders') }} as added_orders

union all

select order_id from {{ changes_of('stg_shop__orders') }} as changed
{% endcall %}
with

delivered as (
    select * from {{ source('shop', 'order_lines') }}
    where {{ is_within('order_id') }}
),

orders as (
    select * from {{ ref('stg_shop__orders') }}
    where {{ is_within('order_id') }}
),

left_out_orders as (
    select distinct delivered_orders.order_id
    from {{ source('shop', 'orders') }} as delivered_orders
    left join orders
        on delivered_orders.order_id = orders.order_id
    where orders.order_id is null and {{ is_within('delivered_orders.order_id') }}
),

files as (
    select distinct
        order_id,
        _delivered_on,
        _file_hash
    from delivered
),

ranked_files as (
    select
        order_id,
        _file_hash,
        _delivered_on,
        row_number() over (
            partition by order_id
            order by _delivered_on desc nulls last, _file_hash desc nulls last
        ) as file_rank
    from files
),

newest_set as (
    select delivered.*
    from delivered
    inner join ranked_files
        on
            delivered.order_id = ranked_files.order_id
            and delivered._file_hash = ranked_files._file_hash
            and ranked_files.file_rank = 1
),

newest as (
    {{ newest_version('newest_set', ['order_id', 'line_number']) }}
)

select
    {{- contract_columns('shop.order_lines', 'newest') }}
from newest
left join left_out_orders
    on newest.order_id = left_out_orders.order_id
where left_out_orders.order_id is null
