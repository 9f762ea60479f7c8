with

standing as (
    select * from {{ ref('int_segments_monthly') }}
),

moved as (
    select
        later.month,
        coalesce(earlier.rfm_segment, '(none)') as from_segment,
        later.rfm_segment as to_segment
    from standing as later
    left join standing as earlier
        on
            later.customer_id = earlier.customer_id
            and later.months_ago + 1 = earlier.months_ago
    where later.months_ago < 12
),

counted as (
    select
        month,
        from_segment,
        to_segment,
        count(*) as customers
    from moved
    group by month, from_segment, to_segment
),

final as (
    select
        month,
        from_segment,
        to_segment,
        customers,
        case
            when from_segment <> '(none)'
                then {{ safe_ratio(
                    'customers', 'sum(customers) over (partition by month, from_segment)'
                ) }}
        end as share_of_from,
        from_segment <> to_segment as is_move
    from counted
)

select * from final
