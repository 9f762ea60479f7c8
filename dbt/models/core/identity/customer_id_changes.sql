with

changes as (
    select * from {{ source('identity', 'id_changes') }}
),

final as (
    select
        old_customer_id,
        new_customer_id,
        changed_at,
        kind,
        cause
    from changes
)

select * from final
