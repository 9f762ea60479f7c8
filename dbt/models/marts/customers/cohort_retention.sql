{%- set kinds = cohort_period_kinds() -%}
with

kinds as (
    {%- for kind in kinds %}
    select '{{ kind }}' as period_kind{{ " union all" if not loop.last }}
    {%- endfor %}
),

customers as (
    select
        customer_id,
        first_order_date,
        order_count
    from {{ ref('int_customers_purchased') }}
),

spend as (
    select
        kinds.period_kind,
        {{ cohort_start('kinds.period_kind', 'days.spend_date') }} as cohort_start,
        days.spend
    from {{ ref('int_ad_spend_converted') }} as days
    cross join kinds
),

costs as (
    select
        period_kind,
        cohort_start,
        cast(sum(spend) as decimal(18, 2)) as spend
    from spend
    group by period_kind, cohort_start
    having sum(spend) > 0
),

{{ cohort_sums_ctes() }},

{{ cohort_cells_ctes() }}

select * from cohort_cells
