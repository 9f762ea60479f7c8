{%- set cuts = ['dimension', 'dimension_value'] -%}
{%- set key = "concat(dimension, ':', dimension_value, ':', period_kind, ':', cast(cohort_start as "
    ~ dbt.type_string() ~ "))" -%}
{%- set spend_kinds = "select '" ~ cohort_period_kinds() | join("' as period_kind union all select '")
    ~ "' as period_kind" -%}
{% call increment_by(key) %}
select {{ key }} from {{ changes_of('int_cohort_sums') }} as sums

union all

select {{ key }}
from (
    select
        'acquisition_channel' as dimension,
        days.channel as dimension_value,
        kinds.period_kind,
        {{ cohort_start('kinds.period_kind', 'days.spend_date') }} as cohort_start
    from {{ changes_of('int_ad_spend_converted') }} as days
    cross join ({{ spend_kinds }}) as kinds
) as spent

union all

select {{ key }}
from (
    select
        dimension,
        dimension_value,
        period_kind,
        cohort_start,
        min(first_order_date) as first_order_date
    from {{ ref('int_cohort_sums') }}
    group by dimension, dimension_value, period_kind, cohort_start
) as begun
where
    {{ cohort_period('period_kind', 'first_order_date', as_of_before()) }}
    <> {{ cohort_period('period_kind', 'first_order_date', as_of()) }}

union all

select {{ key }}
from {{ rows_before() }} as cells
where is_complete <> ({{ cohort_is_complete('period_kind', 'cohort_start', 'period_number') }})
{% endcall %}
with

kinds as (
    {{ spend_kinds }}
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

cohort_sums as (
    select * from {{ ref('int_cohort_sums') }}
    where {{ is_within(key) }}
),

{{ cohort_cells_ctes(cuts=cuts) }}

select * from cohort_cells
