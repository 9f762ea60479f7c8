{#- Weeks would be a row for a handful of people each: hundreds of thousands of them. -#}
{%- set kinds = ['month', 'rolling_30d'] -%}
{%- set dimensions = {
    'acquisition_channel': 'profiles.acquisition_channel',
    'first_category': 'first_categories.category',
    'first_sales_channel': 'first_sales.sales_channel',
    'region': 'profiles.region',
    'segment': 'profiles.rfm_segment',
} -%}
with

kinds as (
    {%- for kind in kinds %}
    select '{{ kind }}' as period_kind{{ " union all" if not loop.last }}
    {%- endfor %}
),

purchased as (
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

first_sales as (
    select
        customer_id,
        order_id,
        sales_channel
    from {{ ref('int_orders_netted') }}
    where order_number = 1
),

-- What was charged decides, not what was kept: a later refund moves nobody to another cohort.
ranked_categories as (
    select
        first_sales.customer_id,
        lines.category,
        row_number() over (
            partition by first_sales.customer_id
            order by sum(lines.gross_cents) desc, lines.category
        ) as place
    from first_sales
    inner join {{ ref('int_order_lines_netted') }} as lines
        on first_sales.order_id = lines.order_id
    where
        not lines.is_service
        and lines.category is not null
    group by first_sales.customer_id, lines.category
),

first_categories as (
    select
        customer_id,
        category
    from ranked_categories
    where place = 1
),

dimensions as (
    {%- for dimension in dimensions %}
    select '{{ dimension }}' as dimension{{ " union all" if not loop.last }}
    {%- endfor %}
),

valued as (
    select
        purchased.customer_id,
        purchased.first_order_date,
        purchased.last_order_date,
        dimensions.dimension,
        coalesce(
            case dimensions.dimension
                {%- for dimension, column in dimensions.items() %}
                when '{{ dimension }}' then {{ column }}
                {%- endfor %}
            end,
            '(none)'
        ) as dimension_value
    from purchased
    inner join first_sales
        on purchased.customer_id = first_sales.customer_id
    left join profiles
        on purchased.customer_id = profiles.customer_id
    left join first_categories
        on purchased.customer_id = first_categories.customer_id
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

customers as (
    select
        valued.customer_id,
        valued.first_order_date,
        valued.last_order_date,
        valued.dimension,
        case when ranked_values.place <= 50 then valued.dimension_value else '(other)' end
            as dimension_value
    from valued
    inner join ranked_values
        on
            valued.dimension = ranked_values.dimension
            and valued.dimension_value = ranked_values.dimension_value
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
        'acquisition_channel' as dimension,
        channel as dimension_value,
        period_kind,
        cohort_start,
        cast(sum(spend) as decimal(18, 2)) as spend
    from spend
    group by channel, period_kind, cohort_start
    having sum(spend) > 0
),

{{ cohort_ctes(apart=['dimension', 'dimension_value']) }}

select * from cohort_cells
