-- Why, in the customer's own words or rather category: what they declared last.
with

ranked as (
    select
        *,
        row_number() over (
            partition by customer_id
            order by declared_at desc, declared_in asc, statement_id asc
        ) as place
    from {{ ref('int_reasons_declared') }}
    where customer_id is not null
),

final as (
    select
        customer_id,
        reason as declared_reason,
        declared_in,
        declared_at
    from ranked
    where place = 1
)

select * from final
