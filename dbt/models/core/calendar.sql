-- Every day from the first of January of the first sale's or touch's year to the end of the year after
-- as_of, for joins that must show days on which nothing happened.
with

spans as (
    select min(order_date) as first_date from {{ ref('orders') }}

    union all

    select min({{ business_date('touched_at') }}) as first_date from {{ ref('touchpoints') }}

    union all

    select {{ as_of() }} as first_date
),

bounds as (
    select
        cast(date_trunc('year', greatest(min(first_date), cast('1990-01-01' as date))) as date)
            as first_date,
        {{ as_of() }} as as_of
    from spans
),

numbers as (
    {{ number_series(36600) }}
),

days as (
    select
        {{ add_days('b.first_date', 'n.number') }} as date_day,
        b.as_of
    from bounds as b
    cross join numbers as n
    where extract(year from {{ add_days('b.first_date', 'n.number') }}) <= extract(year from b.as_of) + 1
),

holidays as (
    select
        h.holiday_date,
        h.holiday
    from {{ ref('holidays') }} as h
    inner join {{ source('control', 'parameters') }} as p on h.country = p.holiday_country
),

-- Monday is 1. The week of a Thursday is the year's that the Thursday lies in.
numbered as (
    select
        date_day,
        as_of,
        cast(date_trunc('week', date_day) as date) as week_start,
        {{ month_start('date_day') }} as month_start
    from days
),

final as (
    select
        n.date_day,
        n.week_start,
        cast(extract(year from {{ add_days('n.week_start', 3) }}) as integer) as iso_year,
        cast(extract(week from n.date_day) as integer) as iso_week,
        n.month_start,
        cast(date_trunc('quarter', n.date_day) as date) as quarter_start,
        cast(extract(year from n.date_day) as integer) as year_number,
        cast({{ date_diff_days('n.week_start', 'n.date_day') }} + 1 as integer) as weekday_number,
        case {{ date_diff_days('n.week_start', 'n.date_day') }}
            when 0 then 'Monday'
            when 1 then 'Tuesday'
            when 2 then 'Wednesday'
            when 3 then 'Thursday'
            when 4 then 'Friday'
            when 5 then 'Saturday'
            else 'Sunday'
        end as weekday,
        {{ date_diff_days('n.week_start', 'n.date_day') }} >= 5 as is_weekend,
        h.holiday_date is not null as is_holiday,
        h.holiday,
        n.date_day <= n.as_of as is_past
    from numbered as n
    left join holidays as h on n.date_day = h.holiday_date
)

select * from final
