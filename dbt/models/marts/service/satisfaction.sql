{%- set dimensions = {
    'all': "'all'",
    'channel': 'given.channel',
    'acquisition_channel': 'customers.acquisition_channel',
    'segment': 'customers.rfm_segment',
} -%}
with

feedback as (
    select * from {{ ref('feedback') }}
    where kind in ('nps', 'csat', 'review')
),

orders as (
    select
        order_id,
        sales_channel
    from {{ ref('int_orders_valued') }}
),

customers as (
    select
        customer_id,
        acquisition_channel,
        rfm_segment
    from {{ ref('customers') }}
),

given as (
    select
        {{ month_start('feedback.feedback_date') }} as month,
        feedback.customer_id,
        feedback.kind,
        feedback.score_class,
        feedback.score,
        case
            when feedback.call_id is not null or feedback.feedback_id like 'ticket:%'
                then 'call_center'
            else orders.sales_channel
        end as channel
    from feedback
    left join orders
        on feedback.order_id = orders.order_id
),

dimensions as (
    {%- for dimension in dimensions %}
    select '{{ dimension }}' as dimension{{ " union all" if not loop.last }}
    {%- endfor %}
),

cut as (
    select
        given.month,
        dimensions.dimension,
        coalesce(
            case dimensions.dimension
                {%- for dimension, column in dimensions.items() %}
                when '{{ dimension }}' then {{ column }}
                {%- endfor %}
            end,
            '(none)'
        ) as dimension_value,
        given.kind,
        given.score_class,
        given.score
    from given
    left join customers
        on given.customer_id = customers.customer_id
    cross join dimensions
),

counted as (
    select
        month,
        dimension,
        dimension_value,
        {{ count_if("kind = 'nps'") }} as nps_answers,
        {{ count_if("kind = 'nps' and score_class = 'positive'") }} as promoters,
        {{ count_if("kind = 'nps' and score_class = 'negative'") }} as detractors,
        {{ count_if("kind = 'csat'") }} as csat_answers,
        {{ count_if("kind = 'csat' and score_class = 'positive'") }} as csat_good,
        {{ count_if("kind = 'csat' and score_class = 'negative'") }} as csat_bad,
        {{ count_if("kind = 'review'") }} as reviews,
        {{ count_if("kind = 'review' and score_class = 'positive'") }} as reviews_good,
        {{ count_if("kind = 'review' and score_class = 'negative'") }} as reviews_bad,
        sum(case when kind = 'review' then score end) as rating_sum
    from cut
    group by month, dimension, dimension_value
),

final as (
    select
        month,
        dimension,
        dimension_value,
        dimension = 'all' as is_total,
        nps_answers,
        promoters,
        detractors,
        {{ safe_ratio('(promoters - detractors) * 100', 'nps_answers') }} as nps,
        csat_answers,
        csat_good,
        csat_bad,
        {{ safe_ratio('csat_good', '(csat_good + csat_bad)') }} as csat,
        reviews,
        reviews_good,
        reviews_bad,
        {{ safe_ratio('rating_sum', 'reviews') }} as mean_rating
    from counted
)

select * from final
