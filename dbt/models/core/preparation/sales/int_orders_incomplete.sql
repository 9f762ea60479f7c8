-- Orders of which a line stands in quarantine and no newer delivery has brought their lines since:
-- lines are replaced as a set.
{{ keeps_changes() }}
with

refused as (
    select distinct
        parts.whole_id as order_id,
        parts.file_hash,
        coalesce(files.delivered_on, date '0001-01-01') as delivered_on
    from {{ source('ledger', 'quarantined_parts') }} as parts
    inner join {{ source('ledger', 'files') }} as files
        on
            parts.file_hash = files.file_hash
            and parts.target = files.target
    where parts.table_name = 'shop.order_lines'
),

delivered as (
    select
        lines.order_id,
        lines._file_hash as file_hash,
        coalesce(lines._delivered_on, date '0001-01-01') as delivered_on
    from {{ source('shop', 'order_lines') }} as lines
    where lines.order_id in (select refused.order_id from refused)
),

final as (
    select distinct refused.order_id
    from refused
    left join delivered
        on
            refused.order_id = delivered.order_id
            and (
                refused.delivered_on < delivered.delivered_on
                or (
                    refused.delivered_on = delivered.delivered_on
                    and refused.file_hash < delivered.file_hash
                )
            )
    where delivered.order_id is null
)

select * from final
