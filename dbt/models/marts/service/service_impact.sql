{%- set outcome_ends = var('service_contact_days') + var('service_outcome_days') -%}
with

-- A customer's sales before this one are what they were worth when they were served.
sales as (
    select
        order_id,
        customer_id,
        order_date,
        order_number,
        sum(net_revenue) over (
            partition by customer_id
            order by order_number
            rows between unbounded preceding and 1 preceding
        ) as prior_revenue
    from {{ ref('orders') }}
    where order_number is not null
),

-- One sale a customer, as sales of the same person are no independent observations; which one must
-- not depend on what followed, so a hash draws it.
drawn as (
    select
        *,
        row_number() over (
            partition by customer_id
            order by {{ hash_text('order_id') }}, order_id
        ) as place
    from sales
    where order_date <= {{ add_days(as_of(), -outcome_ends) }}
),

index_sales as (
    select
        *,
        case when order_number > 1 then 'repeat' else 'first' end as sale_kind
    from drawn
    where place = 1
),

ranked as (
    select
        *,
        {{ integer_divide(
            '3 * (rank() over (partition by sale_kind order by prior_revenue) - 1)',
            'count(*) over (partition by sale_kind)'
        ) }} as third
    from index_sales
),

calls as (
    select
        customer_id,
        call_date as contact_date,
        case when disposition <> 'answered' or not is_resolved then 1 else 0 end as is_bad
    from {{ ref('calls') }}
    where
        direction = 'inbound'
        and not is_short_abandon
        and customer_id is not null
),

tickets as (
    select
        owners.customer_id,
        {{ business_date('tickets.created_at') }} as contact_date,
        case
            when tickets.resolved_at <= {{ add_seconds('tickets.created_at', var('first_contact_days') * 24 * 3600) }} then 0
            else 1
        end as is_bad
    from {{ ref('stg_call_center__tickets') }} as tickets
    inner join {{ ref('int_owners_resolved') }} as owners
        on
            tickets.ticket_id = owners.reference
            and owners.reference_kind = 'ticket'
),

contacts as (
    select * from calls

    union all

    select * from tickets
),

served as (
    select
        index_sales.customer_id,
        max(contacts.is_bad) as is_bad
    from index_sales
    inner join contacts
        on
            index_sales.customer_id = contacts.customer_id
            and contacts.contact_date between index_sales.order_date
            and {{ add_days('index_sales.order_date', var('service_contact_days')) }}
    group by index_sales.customer_id
),

repurchased as (
    select distinct index_sales.customer_id
    from index_sales
    inner join sales
        on
            index_sales.customer_id = sales.customer_id
            and sales.order_date > {{ add_days('index_sales.order_date', var('service_contact_days')) }}
            and sales.order_date <= {{ add_days('index_sales.order_date', outcome_ends) }}
),

labelled as (
    select
        case
            when ranked.sale_kind = 'first' then 'first_sale'
            when ranked.third = 0 then 'low'
            when ranked.third = 1 then 'middle'
            else 'high'
        end as value_band,
        case
            when served.is_bad = 1 then 'badly_served'
            when served.is_bad = 0 then 'well_served'
            else 'no_contact'
        end as experience,
        repurchased.customer_id as repurchased_id
    from ranked
    left join served
        on ranked.customer_id = served.customer_id
    left join repurchased
        on ranked.customer_id = repurchased.customer_id
    where (select count(*) from contacts) > 0
),

counted as (
    select
        value_band,
        experience,
        count(*) as customers,
        count(repurchased_id) as repurchased
    from labelled
    group by value_band, experience
),

summed as (
    select * from counted

    union all

    select
        'all' as value_band,
        experience,
        cast(sum(customers) as bigint) as customers,
        cast(sum(repurchased) as bigint) as repurchased
    from counted
    group by experience
),

rated as (
    select
        *,
        {{ safe_ratio('repurchased', 'customers') }} as rate,
        {{ wilson_bound('repurchased', 'customers', '-') }} as rate_low,
        {{ wilson_bound('repurchased', 'customers', '+') }} as rate_high
    from summed
),

-- Newcombe's interval adds up the squared distances to the bounds of both rates.
compared as (
    select
        served.value_band,
        served.experience,
        alone.rate as comparison_rate,
        served.rate - alone.rate as difference,
        power(served.rate - served.rate_low, 2) + power(alone.rate_high - alone.rate, 2) as below,
        power(served.rate_high - served.rate, 2) + power(alone.rate - alone.rate_low, 2) as above,
        {{ safe_ratio(
            'served.customers * alone.customers', '(served.customers + alone.customers)'
        ) }} as weight
    from rated as served
    inner join rated as alone
        on
            served.value_band = alone.value_band
            and alone.experience = 'no_contact'
    where
        served.experience <> 'no_contact'
        and served.value_band <> 'all'
),

weighed as (
    select
        *,
        weight / sum(weight) over (partition by experience) as share
    from compared
),

-- Like with like: the bands' differences, weighted by how much each can tell.
differences as (
    select
        value_band,
        experience,
        comparison_rate,
        difference,
        sqrt(below) as below,
        sqrt(above) as above
    from compared

    union all

    select
        'all' as value_band,
        experience,
        sum(share * comparison_rate) as comparison_rate,
        sum(share * difference) as difference,
        sqrt(sum(share * share * below)) as below,
        sqrt(sum(share * share * above)) as above
    from weighed
    group by experience
),

final as (
    select
        rated.value_band,
        rated.experience,
        rated.customers,
        rated.repurchased,
        rated.rate as repurchase_rate,
        rated.rate_low,
        rated.rate_high,
        -- Sums of fractions end in digits that depend on the order of adding.
        {{ rounded('differences.comparison_rate', 9) }} as comparison_rate,
        {{ rounded('differences.difference', 9) }} as difference,
        {{ rounded('differences.difference - differences.below', 9) }} as difference_low,
        {{ rounded('differences.difference + differences.above', 9) }} as difference_high
    from rated
    left join differences
        on
            rated.value_band = differences.value_band
            and rated.experience = differences.experience
)

select * from final
