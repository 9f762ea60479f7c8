-- depends_on: {{ ref('int_missing_rates') }}
-- Orders with their buyer, their place in business time and their amounts in the reporting currency.
with

orders as (
    select * from {{ ref('stg_shop__orders') }}
),

-- The tracker may know the visitor of an order that does not say so itself.
placed as (
    select
        order_id,
        visitor_id,
        row_number() over (
            partition by order_id
            order by occurred_at, event_id
        ) as event_rank
    from {{ ref('stg_shop__web_events') }}
    where
        event_name = 'order_placed'
        and order_id is not null
),

daily_rates as (
    select * from {{ ref('int_money_daily_rates') }}
),

dated as (
    select
        *,
        {{ to_business_time('ordered_at') }} as ordered_at_local
    from orders
),

joined as (
    select
        dated.*,
        cast(dated.ordered_at_local as date) as order_date,
        {{ owner_by({'order': 'dated.order_id'}) }} as customer_id,
        coalesce(dated.visitor_id, placed.visitor_id) as buyer_visitor_id,
        -- Nobody sells for less than nothing: such an order books a refund or a correction.
        case
            when dated.status not in ('paid', 'shipped', 'completed', 'refunded') then 'status'
            when dated.total_amount < 0 then 'below_zero'
        end as no_sale_reason,
        case
            when dated.currency is null then cast(1 as decimal(18, 9))
            else daily_rates.rate
        end as rate
    from dated
    {{ join_owners({'order': 'dated.order_id'}) }}
    left join placed
        on
            dated.order_id = placed.order_id
            and placed.event_rank = 1
    left join daily_rates
        on
            dated.currency = daily_rates.currency
            and cast(dated.ordered_at_local as date) = daily_rates.money_date
),

ordered as (
    select
        order_id,
        customer_id,
        buyer_visitor_id as visitor_id,
        ordered_at,
        ordered_at_local,
        order_date,
        status,
        no_sale_reason is null as is_sale,
        no_sale_reason,
        sales_channel,
        store_id,
        coupon_code,
        city,
        country,
        currency,
        rate,
        {{ convert_money('total_amount', 'rate') }} as total_amount,
        {{ convert_money('coalesce(discount_amount, 0)', 'rate') }} as discount_amount,
        {{ convert_money('coalesce(shipping_amount, 0)', 'rate') }} as shipping_amount,
        {{ convert_money('coalesce(tax_amount, 0)', 'rate') }} as tax_amount
    from joined
),

-- A won deal that counts as a sale is one of its closing day, without tax, shipping or lines.
sold_deals as (
    select
        concat('deal:', deal_id) as order_id,
        customer_id,
        cast(null as {{ dbt.type_string() }}) as visitor_id,
        closed_at as ordered_at,
        {{ to_business_time('closed_at') }} as ordered_at_local,
        {{ business_date('closed_at') }} as order_date,
        'completed' as status,
        true as is_sale,
        cast(null as {{ dbt.type_string() }}) as no_sale_reason,
        'deal' as sales_channel,
        cast(null as {{ dbt.type_string() }}) as store_id,
        cast(null as {{ dbt.type_string() }}) as coupon_code,
        cast(null as {{ dbt.type_string() }}) as city,
        cast(null as {{ dbt.type_string() }}) as country,
        currency,
        rate,
        cast(coalesce(amount, 0) as decimal(18, 2)) as total_amount,
        cast(0 as decimal(18, 2)) as discount_amount,
        cast(0 as decimal(18, 2)) as shipping_amount,
        cast(0 as decimal(18, 2)) as tax_amount
    from {{ ref('int_deals_valued') }}
    where
        status = 'won'
        and coalesce(amount, 0) >= 0
        and {{ won_deals_are_sales() }}
),

final as (
    select * from ordered

    union all

    select * from sold_deals
)

select * from final
