with

parameters as (
    select * from {{ source('control', 'parameters') }}
),

sources_present as (
    {{ sources_present() }}
),

summed as (
    select
        {{ string_agg('source_name', ', ', 'source_name') }} as sources,
        {{ count_if("source_system = 'crm'") }} > 0 as has_crm,
        {{ count_if("source_system = 'shop'") }} > 0 as has_shop,
        {{ count_if("source_system = 'marketing'") }} > 0 as has_marketing,
        {{ count_if("source_system = 'call_center'") }} > 0 as has_call_center
    from sources_present
),

reporting as (
    select max(from_currency) as currency
    from {{ ref('int_money_rates') }}
    where valid_from = cast('1900-01-01' as date)
),

purged as (
    select max(kept_from) as rebuilt_from from {{ source('identity', 'purged_sums') }}
),

final as (
    select
        parameters.build_id,
        parameters.as_of,
        cast(null as timestamp) as published_at,
        parameters.started_at,
        parameters.time_zone,
        reporting.currency,
        coalesce(summed.sources, '') as sources,
        case when {{ won_deals_are_sales() }} then 'sales' else 'pipeline' end as won_deals,
        summed.has_crm,
        summed.has_shop,
        summed.has_marketing,
        summed.has_call_center,
        purged.rebuilt_from
    from parameters
    cross join summed
    cross join reporting
    cross join purged
)

select * from final
