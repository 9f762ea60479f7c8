-- The sums that the cohorts of every cut are made of, of periods in which somebody bought. They are
-- made whole: a segment is a share of everybody. What reads them is not.
{%- set kinds = cohort_period_kinds() -%}
{%- set dimensions = {
    'acquisition_channel': 'acquired.acquisition_channel',
    'first_category': 'begun.first_category',
    'first_sales_channel': 'begun.first_sales_channel',
    'region': 'places.region',
    'segment': 'scored.rfm_segment',
} -%}
{{ keeps_changes() }}
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

begun as (
    select * from {{ ref('int_customers_begun') }}
),

dimensions as (
    {%- for dimension in dimensions %}
    select '{{ dimension }}' as dimension{{ " union all" if not loop.last }}
    {%- endfor %}
),

valued as (
    select
        begun.customer_id,
        dimensions.dimension,
        coalesce(
            case dimensions.dimension
                {%- for dimension, column in dimensions.items() %}
                when '{{ dimension }}' then {{ column }}
                {%- endfor %}
            end,
            '(none)'
        ) as dimension_value
    from begun
    left join {{ ref('int_customers_acquired') }} as acquired
        on begun.customer_id = acquired.customer_id
    left join {{ ref('customer_contacts') }} as places
        on begun.customer_id = places.customer_id
    left join {{ ref('int_customers_scored') }} as scored
        on begun.customer_id = scored.customer_id
    cross join dimensions
),

ranked_values as (
    select
        dimension,
        dimension_value,
        row_number() over (
            partition by dimension
            order by count(*) desc, dimension_value
        ) as place
    from valued
    group by dimension, dimension_value
),

named_values as (
    select
        dimension,
        dimension_value,
        case when place <= 50 then dimension_value else '(other)' end as shown_value
    from ranked_values
),

-- Tens of millions of rows are grouped by a number, not by two texts.
numbered_values as (
    select
        *,
        dense_rank() over (order by dimension, shown_value) as cut_number
    from named_values
),

cut_names as (
    select distinct
        cut_number,
        dimension,
        shown_value as dimension_value
    from numbered_values
),

cuts as (
    select
        valued.customer_id,
        numbered_values.cut_number
    from valued
    inner join numbered_values
        on
            valued.dimension = numbered_values.dimension
            and valued.dimension_value = numbered_values.dimension_value
),

{{ cohort_sums_ctes(cut='cut_number') }},

final as (
    select
        cut_names.dimension,
        cut_names.dimension_value,
        cohort_sums.period_kind,
        cohort_sums.cohort_start,
        cohort_sums.period_number,
        cohort_sums.first_order_date,
        cohort_sums.new_customers,
        cohort_sums.last_time_customers,
        cohort_sums.active_customers,
        cohort_sums.net_revenue,
        cohort_sums.gross_margin,
        cohort_sums.known_margin,
        cohort_sums.costed_revenue
    from cohort_sums
    inner join cut_names
        on cohort_sums.cut_number = cut_names.cut_number
)

select * from final
