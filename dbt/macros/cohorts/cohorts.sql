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

{# Common table expressions up to `cohort_cells`, over `kinds` (period_kind), `customers` (customer_id,
   first_order_date, last_order_date) and `costs` (period_kind, cohort_start, spend). With `cut`, a
   column of `costs` and of a table `cuts` (customer_id, and the cuts that each is in), the cohorts
   of every cut stand apart. #}
{% macro cohort_ctes(cut=none) -%}
{%- set apart = cut ~ ', ' if cut else '' -%}
{%- set so_far -%}
    over (
        partition by {{ apart }}period_kind, cohort_start
        order by period_number
        rows between unbounded preceding and current row
    )
{%- endset -%}
members as (
    select
        {%- if cut %}
        cuts.{{ cut }},
        {%- endif %}
        kinds.period_kind,
        {{ cohort_start('kinds.period_kind', 'customers.first_order_date') }} as cohort_start,
        customers.first_order_date,
        {{ cohort_period(
            'kinds.period_kind', 'customers.first_order_date', 'customers.last_order_date'
        ) }} as last_period_number
    from customers
    {%- if cut %}
    inner join cuts
        on customers.customer_id = cuts.customer_id
    {%- endif %}
    cross join kinds
),

cohorts as (
    select
        {{ apart }}
        period_kind,
        cohort_start,
        count(*) as cohort_size,
        {{ cohort_period('period_kind', 'min(first_order_date)', as_of()) }} as last_period_number
    from members
    group by {{ apart }}period_kind, cohort_start
),

-- The last period in which a customer bought: on or after any earlier one, they are active.
last_periods as (
    select
        {{ apart }}
        period_kind,
        cohort_start,
        last_period_number as period_number,
        count(*) as customers
    from members
    group by {{ apart }}period_kind, cohort_start, last_period_number
),

sales as (
    select
        orders.customer_id,
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
        orders.net_revenue,
        orders.gross_margin
    from {{ ref('orders') }} as orders
    inner join customers
        on orders.customer_id = customers.customer_id
    cross join kinds
    where orders.is_sale
),

-- A customer counts once a period: at the sale whose predecessor lies in an earlier one.
active as (
    select
        {{ apart }}
        period_kind,
        cohort_start,
        period_number,
        {{ count_if(
            'previous_period_number is null or previous_period_number < period_number'
        ) }} as active_customers,
        sum(net_revenue) as net_revenue,
        case when count(*) = count(gross_margin) then sum(gross_margin) end as gross_margin,
        sum(gross_margin) as known_margin,
        sum(case when gross_margin is not null then net_revenue else 0 end) as costed_revenue
    from sales
    {%- if cut %}
    inner join cuts
        on sales.customer_id = cuts.customer_id
    {%- endif %}
    group by {{ apart }}period_kind, cohort_start, period_number
),

periods as (
    {{ number_series(10000) }}
),

cells as (
    select
        {%- if cut %}
        cohorts.{{ cut }},
        {%- endif %}
        cohorts.period_kind,
        cohorts.cohort_start,
        periods.number as period_number,
        cohorts.cohort_size,
        coalesce(active.active_customers, 0) as active_customers,
        coalesce(last_periods.customers, 0) as last_time_customers,
        coalesce(active.net_revenue, 0) as net_revenue,
        case when active.cohort_start is null then 0 else active.gross_margin end as gross_margin,
        active.known_margin,
        coalesce(active.costed_revenue, 0) as costed_revenue,
        costs.spend
    from cohorts
    inner join periods
        on cohorts.last_period_number >= periods.number
    left join active
        on
            {%- if cut %}
            cohorts.{{ cut }} = active.{{ cut }} and
            {%- endif %}
            cohorts.period_kind = active.period_kind
            and cohorts.cohort_start = active.cohort_start
            and periods.number = active.period_number
    left join last_periods
        on
            {%- if cut %}
            cohorts.{{ cut }} = last_periods.{{ cut }} and
            {%- endif %}
            cohorts.period_kind = last_periods.period_kind
            and cohorts.cohort_start = last_periods.cohort_start
            and periods.number = last_periods.period_number
    left join costs
        on
            {%- if cut %}
            cohorts.{{ cut }} = costs.{{ cut }} and
            {%- endif %}
            cohorts.period_kind = costs.period_kind
            and cohorts.cohort_start = costs.cohort_start
),

summed as (
    select
        *,
        sum(last_time_customers) over (
            partition by {{ apart }}period_kind, cohort_start
            order by period_number desc
            rows between unbounded preceding and current row
        ) as active_or_later_customers,
        sum(net_revenue) {{ so_far }} as cumulative_net_revenue,
        -- One product without a cost would leave every cohort without a payback.
        sum(known_margin) {{ so_far }} as cumulative_known_margin,
        sum(costed_revenue) {{ so_far }} as cumulative_costed_revenue
    from cells
),

cohort_cells as (
    select
        {{ apart }}
        period_kind,
        cohort_start,
        period_number,
        cohort_size,
        active_customers,
        cast(active_or_later_customers as bigint) as active_or_later_customers,
        {{ safe_ratio('active_customers', 'cohort_size') }} as retention_rate,
        {{ safe_ratio('active_or_later_customers', 'cohort_size') }} as retention_rate_or_later,
        cast(net_revenue as decimal(18, 2)) as net_revenue,
        cast(cumulative_net_revenue as decimal(18, 2)) as cumulative_net_revenue,
        {{ from_cents(pro_rata(
            to_cents('cast(cumulative_net_revenue as decimal(18, 2))'), '1', 'cohort_size'
        )) }} as cumulative_revenue_per_customer,
        cast(gross_margin as decimal(18, 2)) as gross_margin,
        cast(cumulative_known_margin as decimal(18, 2)) as cumulative_known_margin,
        {{ safe_ratio('cumulative_costed_revenue', 'cumulative_net_revenue') }}
            as margin_known_share,
        {{ from_cents(pro_rata(to_cents('spend'), '1', 'cohort_size')) }} as acquisition_cost,
        {{ safe_ratio('cumulative_known_margin', 'spend') }} as payback_ratio,
        cast(
            min(case when cumulative_known_margin >= spend then period_number end) over (
                partition by {{ apart }}period_kind, cohort_start
            ) as integer
        ) as payback_period,
        {{ cohort_period_end('period_kind', 'cohort_start', 'period_number') }}
            <= {{ add_days(as_of(), 1) }} as is_complete
    from summed
)
{%- endmacro %}
