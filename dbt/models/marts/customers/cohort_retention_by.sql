{%- set kinds = cohort_period_kinds() -%}
{%- set dimensions = {
    'acquisition_channel': 'profiles.acquisition_channel',
    'first_category': 'begun.first_category',
    'first_sales_channel': 'begun.first_sales_channel',
    'region': 'profiles.region',
    'segment': 'profiles.rfm_segment',
} -%}
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
        last_order_date
    from {{ ref('int_customers_purchased') }}
),

profiles as (
    select
        customer_id,
        acquisition_channel,
        region,
        rfm_segment
    from {{ ref('customers') }}
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
    left join profiles
        on begun.customer_id = profiles.customer_id
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

-- Spend is known by channel only.
spend as (
    select
        kinds.period_kind,
        {{ cohort_start('kinds.period_kind', 'days.spend_date') }} as cohort_start,
        days.channel,
        days.spend
    from {{ ref('int_ad_spend_converted') }} as days
    cross join kinds
),

costs as (
    select
        cut_names.cut_number,
        spend.period_kind,
        spend.cohort_start,
        cast(sum(spend.spend) as decimal(18, 2)) as spend
    from spend
    inner join cut_names
        on
            spend.channel = cut_names.dimension_value
            and cut_names.dimension = 'acquisition_channel'
    group by cut_names.cut_number, spend.period_kind, spend.cohort_start
    having sum(spend.spend) > 0
),

{{ cohort_ctes(cut='cut_number') }},

final as (
    select
        cut_names.dimension,
        cut_names.dimension_value,
        cohort_cells.period_kind,
        cohort_cells.cohort_start,
        cohort_cells.period_number,
        cohort_cells.cohort_size,
        cohort_cells.active_customers,
        cohort_cells.active_or_later_customers,
        cohort_cells.retention_rate,
        cohort_cells.retention_rate_or_later,
        cohort_cells.net_revenue,
        cohort_cells.cumulative_net_revenue,
        cohort_cells.cumulative_revenue_per_customer,
        cohort_cells.gross_margin,
        cohort_cells.cumulative_known_margin,
        cohort_cells.margin_known_share,
        cohort_cells.acquisition_cost,
        cohort_cells.payback_ratio,
        cohort_cells.payback_period,
        cohort_cells.is_complete
    from cohort_cells
    inner join cut_names
        on cohort_cells.cut_number = cut_names.cut_number
)

select * from final
