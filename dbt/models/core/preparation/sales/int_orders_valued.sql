-- Orders with their buyer, their place in business time and their amounts in the reporting currency.
-- The total is that of what was sold: a gift card brings revenue when it is spent, so that those
-- sold are taken off it and stand apart. int_missing_rates stops the run before any is valued.
{% call increment_by('order_id') %}
select order_id from {{ changes_of('stg_shop__orders') }} as changed

union all

select order_id from {{ changes_of('stg_shop__web_events') }} as events
where event_name = 'order_placed' and order_id is not null

union all

select order_id from {{ changes_of('stg_shop__order_lines') }} as lines

union all

select reference from {{ changes_of('int_owners_resolved') }} as owners
where reference_kind = 'order'

union all

select order_id from {{ changes_of('int_orders_incomplete') }} as incomplete

union all

-- Days are worked out before the join, which is one on equality then.
select o.order_id
from (
    select
        order_id,
        currency,
        {{ business_date('ordered_at') }} as money_date
    from {{ ref('stg_shop__orders') }}
    where currency is not null
) as o
inner join {{ changes_in('int_money_daily_rates', ['currency', 'money_date', 'rate']) }} as r
    on o.currency = r.currency and o.money_date = r.money_date

union all

select concat('deal:', deal_id) from {{ changes_of('int_deals_valued') }} as deals

union all

-- The shop's first order makes every won deal one that is no sale.
select concat('deal:', d.deal_id)
from {{ ref('int_deals_valued') }} as d
left join {{ rows_before() }} as sold on sold.order_id = concat('deal:', d.deal_id)
where
    d.status = 'won'
    and (sold.order_id is not null) <> {{ won_deals_are_sales() }}
    and {{ at_any_change_of('orders', system='shop') }}

union all

select '' where not {{ at_any_change_of('int_missing_rates') }}
{% endcall %}
with

orders as (
    select * from {{ ref('stg_shop__orders') }}
    where {{ is_within('order_id') }}
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
        and {{ is_within('order_id') }}
),

-- What lines say of an order without a total, and of the gift cards in it.
lines_summed as (
    select
        lines.order_id,
        sum({{ own_line_amount('lines') }}) as line_amount,
        sum(
            case when lines.kind = 'gift_card' then {{ own_line_amount('lines') }} else 0 end
        ) as gift_card_amount
    from {{ ref('stg_shop__order_lines') }} as lines
    inner join orders
        on lines.order_id = orders.order_id
    where
        (orders.total_amount is null or lines.kind = 'gift_card')
        and {{ is_within('lines.order_id') }}
    group by lines.order_id
),

incomplete as (
    select * from {{ ref('int_orders_incomplete') }}
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
        -- Prices of lines hold their tax. A discount makes goods free at most.
        case
            when dated.total_amount is not null then dated.total_amount
            when lines_summed.line_amount is null then 0
            when lines_summed.line_amount < 0 then lines_summed.line_amount
            else greatest(lines_summed.line_amount - coalesce(dated.discount_amount, 0), 0)
        end
        + case
            when dated.total_amount is null and lines_summed.line_amount is not null
                then coalesce(dated.shipping_amount, 0)
            else 0
        end as charged_amount,
        coalesce(lines_summed.gift_card_amount, 0) as listed_gift_card_amount,
        dated.total_amount is null as is_total_computed,
        incomplete.order_id is not null as is_incomplete,
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
    left join lines_summed
        on dated.order_id = lines_summed.order_id
    left join incomplete
        on dated.order_id = incomplete.order_id
    left join daily_rates
        on
            dated.currency = daily_rates.currency
            and cast(dated.ordered_at_local as date) = daily_rates.money_date
),

-- Not more of the gift cards than was charged, whatever their lines say.
converted as (
    select
        *,
        -- Nobody sells for less than nothing: such an order books a refund or a correction.
        case
            when status not in ('paid', 'shipped', 'completed', 'refunded') then 'status'
            when charged_amount < 0 then 'below_zero'
        end as no_sale_reason,
        {{ convert_money('charged_amount', 'rate') }} as order_total,
        {{ convert_money(
            'least(greatest(listed_gift_card_amount, 0), greatest(charged_amount, 0))', 'rate'
        ) }} as gift_card_amount
    from joined
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
        order_total,
        gift_card_amount,
        cast(order_total - gift_card_amount as decimal(18, 2)) as total_amount,
        {{ convert_money('coalesce(discount_amount, 0)', 'rate') }} as discount_amount,
        {{ convert_money('coalesce(shipping_amount, 0)', 'rate') }} as shipping_amount,
        {{ convert_money('coalesce(tax_amount, 0)', 'rate') }} as tax_amount,
        is_total_computed,
        is_incomplete
    from converted
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
        cast(coalesce(amount, 0) as decimal(18, 2)) as order_total,
        cast(0 as decimal(18, 2)) as gift_card_amount,
        cast(coalesce(amount, 0) as decimal(18, 2)) as total_amount,
        cast(0 as decimal(18, 2)) as discount_amount,
        cast(0 as decimal(18, 2)) as shipping_amount,
        cast(0 as decimal(18, 2)) as tax_amount,
        false as is_total_computed,
        false as is_incomplete
    from {{ ref('int_deals_valued') }}
    where
        status = 'won'
        and coalesce(amount, 0) >= 0
        and {{ won_deals_are_sales() }}
        and {{ is_within("concat('deal:', deal_id)") }}
),

final as (
    select * from ordered

    union all

    select * from sold_deals
)

select * from final
