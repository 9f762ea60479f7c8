"""Products, campaigns, experiments and members of the report's company, made by SQL alone."""

import duckdb

_FILL = """
    insert into product_performance (
        product_id, name, category, order_count, units_sold, units_returned, return_rate,
        net_revenue, last_sold_date, units_sold_91d, movement, abc_class, units_variation,
        xyz_class, stock_on_hand, stock_cover_days
    )
    select
        'p' || i, 'Product ' || i, 'Tea', 50 - i, 100 - i, i % 4, (i % 4) / (100.0 - i),
        if(i % 10 = 9, -5, round(9000.55 / (i + 1), 2)), null, if(i > 30, 0, 40 - i),
        if(i > 30, 'not_moving', if(i < 8, 'fast', 'slow')),
        if(i < 10, 'A', if(i < 25, 'B', 'C')), (i % 3) * 0.6, ['X', 'Y', 'Z', null][1 + i % 4],
        if(i % 5 = 4, null, i * 10), if(i > 30 or i % 5 = 4, null, i * 20)
    from range(40) as t(i);

    insert into product_affinities (
        product_id, other_product_id, order_count, product_order_count, other_order_count,
        all_order_count, support, confidence, lift
    )
    select 'p' || i, 'p' || (i + 1), 20 + i, 100, 120, 900, 0.02, (20 + i) / 100.0, 1.1 + i / 10.0
    from range(20) as t(i)
    union all
    select 'p' || (i + 1), 'p' || i, 20 + i, 120, 100, 900, 0.02, (20 + i) / 120.0, 1.1 + i / 10.0
    from range(20) as t(i);

    insert into campaign_performance (
        campaign_id, is_declared, name, channel, messages_sent, messages_delivered,
        people_reached, open_rate, click_rate, unsubscribe_rate, visits,
        attributed_orders, attributed_revenue, cost, roas
    )
    select
        'k' || i, true, 'Campaign ' || i, if(i % 2 = 0, 'email', 'paid_search'), 100, 90, 80,
        0.3, 0.1, 0.01, 50, 9 + i, 700.25 - i * 3, if(i % 2 = 0, 0, 100), if(i % 2 = 0, null, 7.0)
    from range(90) as t(i);

    insert into experiment_results (
        experiment_id, variant, is_control, subjects, conversion_rate, rate_difference,
        rate_ci_low, rate_ci_high, rate_p_value, is_valid
    ) values
        ('one', 'A', true, 100, 0.1, null, null, null, null, true),
        ('one', 'B', false, 110, 0.3, 0.2, 0.1, 0.3, 0.001, true),
        ('one', 'C', false, 105, 0.05, -0.05, -0.08, -0.02, 0.01, true),
        ('two', 'A', true, 100, 0.1, null, null, null, null, false),
        ('two', 'B', false, 300, 0.4, 0.3, 0.2, 0.4, 0.0001, false),
        ('three', 'A', true, 50, 0.1, null, null, null, null, true),
        ('three', 'B', false, 50, 0.12, 0.02, -0.1, 0.14, 0.7, true),
        ('four', 'A', true, 50, null, null, null, null, null, true),
        ('four', 'B', false, 50, null, null, null, null, null, true);

    insert into loyalty_accounts (
        customer_id, points_balance, points_expiring_30d, net_revenue_180d,
        matched_net_revenue_180d
    )
    select 'c' || i, i * 10, i, 100 + i, if(i % 3 = 0, null, 90) from range(30) as t(i);

    insert into audiences by name
    select
        a.audience, 'c' || i as customer_id, 'email' as medium,
        case i % 5 when 0 then 'no_consent' when 1 then 'hold_out' when 2 then 'cap' end
            as left_out_because
    from range(40) as t(i), (values ('win_back'), ('vip')) as a(audience)
    where audience = 'win_back' or i < 10;

    insert into audience_changes by name
    select 'b1' as build_id, 'win_back' as audience, 'c' || i as customer_id, 'entered' as change
    from range(40) as t(i)
    union all
    select 'b2', 'win_back', 'c' || i, 'entered' from range(7) as t(i);

    insert into audience_results by name
    select * from (values
        ('win_back', 'held_out', 100, 0.1, null, null, null, null, null, true),
        ('win_back', 'contacted', 400, 0.2, 0.1, 0.05, 0.15, 0.01, 3.25, true),
        ('vip', 'held_out', 0, null, null, null, null, null, null, true),
        ('vip', 'contacted', 0, null, null, null, null, null, null, true)
    ) as t(audience, variant, observed_subjects, conversion_rate, rate_difference, rate_ci_low,
        rate_ci_high, rate_p_value, revenue_difference, is_valid);

    insert into deals by name
    select
        'd' || i as deal_id, ['new', 'offer', null][1 + i % 3] as stage,
        if(i % 4 = 0, 'open', if(i % 4 = 1, 'lost', 'won')) as status,
        if(i % 4 = 0, null, i % 4 > 1) as is_won,
        date '2024-03-01' + interval (i % 3) month as created_date,
        if(i % 4 = 0, null, date '2024-03-01' + interval (i % 3) month) as closed_date,
        if(i % 2 = 0, 'ann', null) as owner_id,
        if(i % 5 = 0, null, 100.5 * i) as amount, i as age_days
    from range(40) as t(i);

    insert into deal_pipeline by name
    select
        created_date as month, 'main' as pipeline, coalesce(stage, '(none)') as stage,
        coalesce(owner_id, '(none)') as owner_id, count(*) as opened,
        count(*) filter (status = 'won') as won, count(*) filter (status = 'lost') as lost,
        coalesce(sum(amount), 0) as opened_amount,
        coalesce(sum(amount) filter (status = 'won'), 0) as won_amount,
        coalesce(sum(amount) filter (status = 'lost'), 0) as lost_amount,
        coalesce(sum(age_days) filter (status <> 'open'), 0) as closed_days
    from deals
    group by all;

    insert into value_by_segment by name
    select
        d.dimension, d.value as dimension_value, d.dimension = 'all' as is_total,
        100 - d.i as customers, 5000.5 - d.i as net_revenue, 50.25 + d.i as ltv_simple,
        20.5 as mean_predicted_12m_value, 25.5 as average_order_value, 0.4 as repurchase_rate,
        31.0 as repurchase_days_half, 120.0 as repurchase_days_nine_tenths
    from (values (0, 'all', 'all'), (1, 'rfm_segment', 'Champions'), (2, 'rfm_segment', 'Lost'),
        (3, 'acquisition_channel', 'email'), (4, 'value_tier', 'A')) as d(i, dimension, value);

    insert into customer_preferences by name
    select
        'p' || i as customer_id, i % 3 as viewed_products, i % 2 as carted_products,
        if(i % 3 > 0, 'v' || i % 2, null) as last_viewed_product_id,
        if(i % 2 > 0, 'v1', null) as last_carted_product_id, 2 as sessions,
        ['mobile', 'desktop', null][1 + i % 3] as favourite_device, 4 as sales,
        i % 5 as discounted_sales, 4 - i % 5 as full_price_sales,
        (i % 5) / 4 as discounted_share, 100.25 * (4 - i % 5) as full_price_revenue,
        5.25 * (i % 5) as margin_given_away
    from range(40) as r(i);

    insert into discount_response by name
    select
        s.segment, c.coupon, 40 - c.i * 10 as redemptions, 35 as customers,
        1000.5 - c.i as net_revenue, 60.5 as margin_given_away, 40 - c.i * 10 as costed_sales,
        300.25 as gross_margin, 30 as matched_sales, 12 - c.i as matched_repeated_sales,
        9.5 as expected_repeated_sales
    from (values (0, 'SPRING'), (1, '(other coupons)'), (2, '(no coupon)')) as c(i, coupon),
        (values ('Champions'), ('(first month)')) as s(segment);

    insert into purged_sums by name
    select 'shop.web_events' as source_name, date '2020-01-01' as month,
        date '2020-02-01' as kept_from, 12 as records, 0 as sale_count, 0 as net_revenue;

    insert into channel_scorecard by name
    select
        m.month, c.channel, 100 + i * 10 as sessions, 60.0 + i * 20 as average_time_on_site,
        0.2 + i / 20.0 as bounce_rate, 0.05 as conversion_rate, 10.5 + i as orders,
        1000.25 * (6 - i) as revenue, 'Product ' || i as top_product,
        if(i % 2 = 0, null, 100.0) as spend, 4.5 as new_customers
    from (select unnest([date '2024-03-01', date '2024-04-01', date '2024-05-01']) as month) as m,
        (values (0, 'organic_search'), (1, 'paid_search'), (2, 'email'), (3, 'direct'))
            as c(i, channel);

    insert into funnel_hourglass by name
    select
        m.month, c.channel, s.segment, t.stage, t.i as stage_number,
        (800 // (t.i * t.i)) + c.i + s.i as customers
    from (select unnest([date '1970-01-01', date '2024-04-01', date '2024-05-01']) as month) as m,
        (values (0, 'organic_search'), (1, 'email')) as c(i, channel),
        (values (0, 'Champions'), (1, '(none)')) as s(i, segment),
        (values (1, 'reach'), (2, 'capture'), (3, 'warm'), (4, 'sale'), (5, 'upsell'),
            (6, 'loyalty'), (7, 'advocacy')) as t(i, stage);

    insert into journey_paths by name
    select
        'exposure' as transform, p.path, p.n as customers, p.n as journeys, p.sales as conversions,
        p.n - p.sales as losses, p.sales / p.n as conversion_rate, p.sales * 40.5 as revenue,
        2.5 as median_days, 2.0 as average_touches
    from (values
        ('organic_search', 400, 40), ('email', 200, 60), ('paid_search > direct', 90, 50),
        ('paid_search > email > direct', 30, 20), ('email > direct > email > direct', 12, 9)
    ) as p(path, n, sales);

    insert into journey_transitions by name
    select *, transitions / 1000.0 as transition_rate, 0.3 as drop_off_rate
    from (values
        ('site', 'product_view', 'add_to_cart', 500), ('site', 'product_view', '(exit)', 500),
        ('site', 'add_to_cart', 'checkout_started', 300), ('site', 'add_to_cart', '(exit)', 200),
        ('site', 'checkout_started', '(order)', 250), ('site', 'checkout_started', '(exit)', 50),
        ('channel', '(start)', 'email', 400), ('channel', 'email', '(sale)', 120),
        ('channel', 'email', '(loss)', 280)
    ) as t(level, from_state, to_state, transitions);

    insert into model_quality (model, metric, value, note) values
    ('recommendations.buy_again', 'holdout_hit_rate', 0.447, null),
    ('recommendations.buy_again', 'baseline_hit_rate', 0.234, null);
"""


def fill(con: duckdb.DuckDBPyConnection) -> None:
    """Forty products, ninety campaigns, four experiments, thirty members."""
    for statement in con.extract_statements(_FILL):
        con.execute(statement)
