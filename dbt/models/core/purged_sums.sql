-- Written by privacy.retention, and part of every version: the rows themselves are gone.
with

purged as (
    select * from {{ source('identity', 'purged_sums') }}
),

final as (
    select
        source as source_name,
        month,
        max(kept_from) as kept_from,
        cast(sum(records) as bigint) as records,
        cast(sum(sale_count) as bigint) as sale_count,
        cast(sum(net_revenue) as decimal(18, 2)) as net_revenue
    from purged
    where records > 0
    group by source, month
)

select * from final
