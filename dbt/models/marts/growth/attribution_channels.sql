{%- set models = attribution_models() -%}
with

-- Summed before the models become rows: the detail is read once, not once a model.
credits as (
    select
        month,
        channel,
        coalesce(campaign_id, '(none)') as campaign_id,
        {%- for model in models %}
        sum(credit_{{ model }}) as credit_{{ model }},
        sum(cents_{{ model }}) as cents_{{ model }},
        {%- endfor %}
        sale_kind
    from {{ ref('int_attribution_credits') }}
    group by month, channel, coalesce(campaign_id, '(none)'), sale_kind
),

models as (
    {%- for model in models %}
    select '{{ model }}' as model{{ " union all" if not loop.last }}
    {%- endfor %}
),

credited as (
    select
        c.month,
        c.channel,
        c.campaign_id,
        c.sale_kind,
        m.model,
        case m.model
            {%- for model in models %}
            when '{{ model }}' then c.credit_{{ model }}
            {%- endfor %}
        end as orders,
        case m.model
            {%- for model in models %}
            when '{{ model }}' then c.cents_{{ model }}
            {%- endfor %}
        end as cents,
        cast(0 as decimal(18, 2)) as spend
    from credits as c
    cross join models as m
),

-- Spend knows no kind of sale: it stands once, beside the first sales that it is there to win.
spent as (
    select
        s.month,
        s.channel,
        s.campaign_id,
        'first' as sale_kind,
        m.model,
        cast(0 as double) as orders,
        0 as cents,
        s.spend
    from (
        select
            month,
            channel,
            campaign_id,
            sum(spend) as spend
        from {{ ref('int_ad_spend_converted') }}
        group by month, channel, campaign_id
    ) as s
    cross join models as m
),

-- A union and a sum are a full outer join that no NULL key can tear apart.
joined as (
    select * from credited
    where orders > 0 or cents <> 0

    union all

    select * from spent
),

summed as (
    select
        month,
        channel,
        campaign_id,
        sale_kind,
        model,
        sum(orders) as orders,
        sum(cents) as cents,
        sum(spend) as spend,
        sum(case when sale_kind = 'first' then orders else 0 end) as new_customers
    from joined
    group by month, channel, campaign_id, sale_kind, model
),

both_kinds as (
    select
        *,
        sum(cents) over (partition by month, channel, campaign_id, model) as cents_of_both
    from summed
),

final as (
    select
        month,
        channel,
        campaign_id,
        sale_kind,
        model,
        -- Sums of fractions end in digits that depend on the order of adding.
        round(cast(orders as double), 9) as attributed_orders,
        {{ from_cents('cents') }} as attributed_revenue,
        round(cast(new_customers as double), 9) as new_customers,
        cast(spend as decimal(18, 2)) as spend,
        case
            when spend > 0
                then round({{ safe_ratio(from_cents('cents_of_both'), 'spend') }}, 6)
        end as roas,
        case
            when spend > 0 and round(new_customers, 9) > 0
                then round({{ safe_ratio('spend', 'new_customers') }}, 6)
        end as cac
    from both_kinds
)

select * from final
