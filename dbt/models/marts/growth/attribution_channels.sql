{%- set models = attribution_models() -%}
with

-- Summed before the models become rows: the detail is read once, not once a model.
credits as (
    select
        c.month,
        c.channel,
        coalesce(c.campaign_id, '(none)') as campaign_id,
        {%- for model in models %}
        sum({{ credited('credit', model) }}) as credit_{{ model }},
        sum({{ credited('cents', model) }}) as cents_{{ model }},
        {%- endfor %}
        c.sale_kind
    from {{ ref('int_attribution_credits') }} as c
    {{ join_markov_credits() }}
    group by c.month, c.channel, coalesce(c.campaign_id, '(none)'), c.sale_kind
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
        end as cents
    from credits as c
    cross join models as m
),

spent as (
    select
        month,
        channel,
        campaign_id,
        spend
    from {{ ref('marketing_spend') }}
),

-- Spend knows no kind of sale: its ratios stand once, beside the first sales that it is there to
-- win. A union and a sum are a full outer join that no NULL key can tear apart.
joined as (
    select * from credited
    where orders > 0 or cents <> 0

    union all

    select
        s.month,
        s.channel,
        s.campaign_id,
        'first' as sale_kind,
        m.model,
        cast(0 as double) as orders,
        0 as cents
    from spent as s
    cross join models as m
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
        sum(case when sale_kind = 'first' then orders else 0 end) as new_customers
    from joined
    group by month, channel, campaign_id, sale_kind, model
),

both_kinds as (
    select
        u.*,
        sum(u.cents) over (partition by u.month, u.channel, u.campaign_id, u.model) as cents_of_both,
        case when u.sale_kind = 'first' then s.spend end as spend
    from summed as u
    left join spent as s
        on u.month = s.month and u.channel = s.channel and u.campaign_id = s.campaign_id
),

final as (
    select
        month,
        channel,
        campaign_id,
        sale_kind,
        model,
        -- Sums of fractions end in digits that depend on the order of adding.
        {{ rounded('cast(orders as double)', 9) }} as attributed_orders,
        {{ from_cents('cents') }} as attributed_revenue,
        {{ rounded('cast(new_customers as double)', 9) }} as new_customers,
        case
            when spend > 0
                then {{ rounded(safe_ratio(from_cents('cents_of_both'), 'spend'), 6) }}
        end as roas,
        case
            when spend > 0 and {{ rounded('new_customers', 9) }} > 0
                then {{ rounded(safe_ratio('spend', 'new_customers'), 6) }}
        end as cac
    from both_kinds
)

select * from final
