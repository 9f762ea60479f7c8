with

models as (
    select * from {{ source('predictions', 'models') }}
),

final as (
    select
        model,
        metric,
        value,
        nullif(note, '') as note
    from models
)

select * from final
