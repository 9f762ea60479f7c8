with

deals as (
    select * from {{ ref('int_deals_valued') }}
),

acquired as (
    select
        customer_id,
        acquisition_channel
    from {{ ref('int_customers_acquired') }}
),

campaigns as (
    select
        campaign_text,
        campaign_id
    from {{ ref('int_campaigns_named') }}
),

final as (
    select
        d.deal_id,
        d.customer_id,
        d.pipeline,
        d.stage,
        d.owner_id,
        d.status,
        d.created_at,
        {{ business_date('d.created_at') }} as created_date,
        d.closed_at,
        {{ business_date('d.closed_at') }} as closed_date,
        case d.status when 'won' then true when 'lost' then false end as is_won,
        d.currency,
        d.amount,
        {{ date_diff_days(
            business_date('d.created_at'),
            'coalesce(' ~ business_date('d.closed_at') ~ ', ' ~ as_of() ~ ')'
        ) }} as age_days,
        n.campaign_id,
        coalesce(a.acquisition_channel, 'unassigned') as acquisition_channel
    from deals as d
    left join acquired as a on d.customer_id = a.customer_id
    left join campaigns as n on {{ campaign_text('d.campaign_id') }} = n.campaign_text
)

select * from final
