with

assignments as (
    select * from {{ source('identity', 'assignments') }}
),

final as (
    select
        source_system,
        source_table,
        public_source_id as source_id,
        customer_id,
        method,
        probability,
        linked_at
    from assignments
)

select * from final
