{# Cohorts by calendar month, by week, and by the customer's own clock of 30 days. #}

{# The kinds, in the order of lists. #}
{% macro cohort_period_kinds() -%}
    {{ return(['month', 'week', 'rolling_30d']) }}
{%- endmacro %}

{# First day of the cohort. On one's own clock, customers who came in the same month stand together. #}
{% macro cohort_start(period_kind, first_date) -%}
    case {{ period_kind }}
        when 'week' then {{ week_start(first_date) }}
        else {{ month_start(first_date) }}
    end
{%- endmacro %}

{# Period of a date: calendar months or weeks since the first sale's, or completed spans of 30 days. #}
{% macro cohort_period(period_kind, first_date, date) -%}
    cast(
        case {{ period_kind }}
            when 'month' then {{ date_diff_months(first_date, date) }}
            when 'week'
                then {{ integer_divide(date_diff_days(week_start(first_date), week_start(date)), '7') }}
            else {{ integer_divide(date_diff_days(first_date, date), '30') }}
        end as integer
    )
{%- endmacro %}

{# First day after the period, for the last customer that the cohort can have. #}
{% macro cohort_period_end(period_kind, cohort_start, period_number) -%}
    case {{ period_kind }}
        when 'month' then {{ add_months(cohort_start, period_number ~ ' + 1') }}
        when 'week' then {{ add_days(cohort_start, '7 * (' ~ period_number ~ ' + 1)') }}
        else
            {{ add_days(add_months(cohort_start, '1'), '30 * (' ~ period_number ~ ' + 1) - 1') }}
    end
{%- endmacro %}

{# Common table expressions up to `cohort_sums`, a row per cohort and period in which somebody of it
   bought, over `kinds` (period_kind) and `customers` (customer_id, first_order_date, order_count).
   With `cut`, a column of a table `cuts` (customer_id, and the cuts that each is in), the cohorts of
   every cut stand apart. #}
{% macro cohort_sums_ctes(cut=none) -%}
{%- set apart = cut ~ ', ' if cut else '' -%}
sales as (
    select
        orders.customer_id,
        customers.first_order_date,
        kinds.period_kind,
        {{ cohort_start('kinds.period_kind', 'customers.first_order_date') }} as cohort_start,
        {{ cohort_period(
            'kinds.period_kind', 'customers.first_order_date', 'orders.order_date'
        ) }} as period_number,
        {{ cohort_period(
            'kinds.period_kind',
            'customers.first_order_date',
            add_days('orders.order_date', '-orders.days_since_previous_order')
        ) }} as previous_period_number,
        orders.order_number = 1 as is_first_sale,
        orders.order_number = customers.order_count as is_last_sale,
        orders.net_revenue,
        orders.gross_margin
    from {{ ref('orders') }} as orders
    inner join customers
        on orders.customer_id = customers.customer_id
    cross join kinds
    where orders.is_sale
),

-- A customer counts once a period: at the sale whose predecessor lies in an earlier one. The last
-- sale says for how long they were active: in its period, or later than any earlier one.
cohort_sums as (
    select
        {{ apart }}
        period_kind,
        cohort_start,
        period_number,
        min(first_order_date) as first_order_date,
        {{ count_if('is_first_sale') }} as new_customers,
        {{ count_if('is_last_sale') }} as last_time_customers,
        {{ count_if(
            'previous_period_number is null or previous_period_number < period_number'
        ) }} as active_customers,
        cast(sum(net_revenue) as decimal(18, 2)) as net_revenue,
        case when count(*) = count(gross_margin) then cast(sum(gross_margin) as decimal(18, 2)) end
            as gross_margin,
        cast(sum(gross_margin) as decimal(18, 2)) as known_margin,
        cast(sum(case when gross_margin is not null then net_revenue else 0 end) as decimal(18, 2))
            as costed_revenue
    from sales
    {%- if cut %}
    inner join cuts
        on sales.customer_id = cuts.customer_id
    {%- endif %}
    group by {{ apart }}period_kind, cohort_start, period_number
)
{%- endmacro %}

{# Common table expressions from `cohort_sums` to `cohort_cells`, a row for every period that a cohort
   has seen, with `costs` (period_kind, cohort_start, spend). `cuts`: columns of both that cohorts
   stand apart by. #}
{% macro cohort_cells_ctes(cuts=[]) -%}
{%- set of_cohort = cuts + ['period_kind', 'cohort_start'] -%}
{%- set so_far -%}
    over (
        partition by cohort_number
        order by period_number
        rows between unbounded preceding and current row
    )
{%- endset -%}
-- Hundreds of thousands of cells are joined and ordered by a number, not by texts.
cohorts as (
    select
        {{ of_cohort | join(', ') }},
        row_number() over (order by {{ of_cohort | join(', ') }}) as cohort_number,
        cast(sum(new_customers) as bigint) as cohort_size,
        {{ cohort_period('period_kind', 'min(first_order_date)', as_of()) }} as last_period_number
    from cohort_sums
    group by {{ of_cohort | join(', ') }}
),

numbered_sums as (
    select
        cohorts.cohort_number,
        cohort_sums.period_number,
        cohort_sums.last_time_customers,
        cohort_sums.active_customers,
        cohort_sums.net_revenue,
        cohort_sums.gross_margin,
        cohort_sums.known_margin,
        cohort_sums.costed_revenue
    from cohort_sums
    inner join cohorts
        on
            {%- for column in of_cohort %}
            {{ 'and ' if not loop.first }}cohort_sums.{{ column }} = cohorts.{{ column }}
            {%- endfor %}
),

periods as (
    {{ number_series(10000) }}
),

cells as (
    select
        {%- for column in of_cohort %}
        cohorts.{{ column }},
        {%- endfor %}
        cohorts.cohort_number,
        periods.number as period_number,
        cohorts.cohort_size,
        coalesce(sums.active_customers, 0) as active_customers,
        coalesce(sums.last_time_customers, 0) as last_time_customers,
        coalesce(sums.net_revenue, 0) as net_revenue,
        case when sums.cohort_number is null then 0 else sums.gross_margin end as gross_margin,
        sums.known_margin,
        coalesce(sums.costed_revenue, 0) as costed_revenue,
        costs.spend
    from cohorts
    inner join periods
        on cohorts.last_period_number >= periods.number
    left join numbered_sums as sums
        on
            cohorts.cohort_number = sums.cohort_number
            and periods.number = sums.period_number
    left join costs
        on
            {%- for column in of_cohort %}
            {{ 'and ' if not loop.first }}cohorts.{{ column }} = costs.{{ column }}
            {%- endfor %}
),

summed as (
    select
        *,
        -- In the same order as the others, which is sorted once.
        sum(last_time_customers) over (
            partition by cohort_number
            order by period_number
            rows between current row and unbounded following
        ) as active_or_later_customers,
        sum(net_revenue) {{ so_far }} as cumulative_net_revenue,
        -- One product without a cost would leave every cohort without a payback.
        sum(known_margin) {{ so_far }} as cumulative_known_margin,
        sum(costed_revenue) {{ so_far }} as cumulative_costed_revenue
    from cells
),

-- Few cohorts have a spend to pay back.
paybacks as (
    select
        cohort_number,
        min(period_number) as payback_period
    from summed
    where cumulative_known_margin >= spend
    group by cohort_number
),

cohort_cells as (
    select
        {%- for column in of_cohort %}
        summed.{{ column }},
        {%- endfor %}
        summed.period_number,
        summed.cohort_size,
        summed.active_customers,
        cast(summed.active_or_later_customers as bigint) as active_or_later_customers,
        {{ safe_ratio('summed.active_customers', 'summed.cohort_size') }} as retention_rate,
        {{ safe_ratio('summed.active_or_later_customers', 'summed.cohort_size') }}
            as retention_rate_or_later,
        cast(summed.net_revenue as decimal(18, 2)) as net_revenue,
        cast(summed.cumulative_net_revenue as decimal(18, 2)) as cumulative_net_revenue,
        {{ from_cents(pro_rata(
            to_cents('cast(summed.cumulative_net_revenue as decimal(18, 2))'),
            '1',
            'summed.cohort_size'
        )) }} as cumulative_revenue_per_customer,
        cast(summed.gross_margin as decimal(18, 2)) as gross_margin,
        cast(summed.cumulative_known_margin as decimal(18, 2)) as cumulative_known_margin,
        {{ safe_ratio('summed.cumulative_costed_revenue', 'summed.cumulative_net_revenue') }}
            as margin_known_share,
        {{ from_cents(pro_rata(to_cents('summed.spend'), '1', 'summed.cohort_size')) }}
            as acquisition_cost,
        {{ safe_ratio('summed.cumulative_known_margin', 'summed.spend') }} as payback_ratio,
        cast(paybacks.payback_period as integer) as payback_period,
        {{ cohort_is_complete('summed.period_kind', 'summed.cohort_start', 'summed.period_number') }}
            as is_complete
    from summed
    left join paybacks
        on summed.cohort_number = paybacks.cohort_number
)
{%- endmacro %}

{# Whether a period is over for the last customer that the cohort can have. #}
{% macro cohort_is_complete(period_kind, cohort_start, period_number) -%}
    {{ cohort_period_end(period_kind, cohort_start, period_number) }} <= {{ add_days(as_of(), 1) }}
{%- endmacro %}
