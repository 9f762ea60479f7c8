"""Products, campaigns, experiments and members of the report's company, made by SQL alone."""

import duckdb

TABLES = {
    "product_affinities": """
        product_id varchar, other_product_id varchar, order_count bigint,
        product_order_count bigint, other_order_count bigint, all_order_count bigint,
        support double, confidence double, lift double""",
    "product_performance": """
        product_id varchar, name varchar, category varchar, order_count bigint,
        units_sold decimal(18, 3), units_returned decimal(18, 3), return_rate double,
        net_revenue decimal(18, 2), last_sold_date date, units_sold_91d decimal(18, 3),
        movement varchar, abc_class varchar, units_variation double, xyz_class varchar,
        stock_on_hand decimal(18, 3), stock_cover_days double""",
    "campaign_performance": """
        campaign_id varchar, is_listed boolean, name varchar, channel varchar,
        messages_sent bigint, messages_delivered bigint, people_reached bigint, open_rate double,
        click_rate double, unsubscribe_rate double, visits bigint, attributed_orders double,
        attributed_revenue decimal(18, 2), cost decimal(18, 2), roas double""",
    "experiment_results": """
        experiment_id varchar, variant varchar, is_control boolean, subjects bigint,
        conversion_rate double, rate_difference double, rate_ci_low double, rate_ci_high double,
        rate_p_value double, is_valid boolean""",
    "loyalty_accounts": """
        customer_id varchar, points_balance decimal(18, 3), points_expiring_30d decimal(18, 3),
        net_revenue_180d decimal(18, 2), matched_net_revenue_180d decimal(18, 2)""",
}

_FILL = """
    insert into product_performance
    select
        'p' || i, 'Product ' || i, 'Tea', 50 - i, 100 - i, i % 4, (i % 4) / (100.0 - i),
        if(i % 10 = 9, -5, round(9000.55 / (i + 1), 2)), null, if(i > 30, 0, 40 - i),
        if(i > 30, 'not_moving', if(i < 8, 'fast', 'slow')),
        if(i < 10, 'A', if(i < 25, 'B', 'C')), (i % 3) * 0.6, ['X', 'Y', 'Z', null][1 + i % 4],
        if(i % 5 = 4, null, i * 10), if(i > 30 or i % 5 = 4, null, i * 20)
    from range(40) as t(i);

    insert into product_affinities
    select 'p' || i, 'p' || (i + 1), 20 + i, 100, 120, 900, 0.02, (20 + i) / 100.0, 1.1 + i / 10.0
    from range(20) as t(i)
    union all
    select 'p' || (i + 1), 'p' || i, 20 + i, 120, 100, 900, 0.02, (20 + i) / 120.0, 1.1 + i / 10.0
    from range(20) as t(i);

    insert into campaign_performance
    select
        'k' || i, true, 'Campaign ' || i, if(i % 2 = 0, 'email', 'paid_search'), 100, 90, 80,
        0.3, 0.1, 0.01, 50, 9 + i, 700.25 - i * 3, if(i % 2 = 0, 0, 100), if(i % 2 = 0, null, 7.0)
    from range(90) as t(i);

    insert into experiment_results values
        ('one', 'A', true, 100, 0.1, null, null, null, null, true),
        ('one', 'B', false, 110, 0.3, 0.2, 0.1, 0.3, 0.001, true),
        ('one', 'C', false, 105, 0.05, -0.05, -0.08, -0.02, 0.01, true),
        ('two', 'A', true, 100, 0.1, null, null, null, null, false),
        ('two', 'B', false, 300, 0.4, 0.3, 0.2, 0.4, 0.0001, false),
        ('three', 'A', true, 50, 0.1, null, null, null, null, true),
        ('three', 'B', false, 50, 0.12, 0.02, -0.1, 0.14, 0.7, true),
        ('four', 'A', true, 50, null, null, null, null, null, true),
        ('four', 'B', false, 50, null, null, null, null, null, true);

    insert into loyalty_accounts
    select 'c' || i, i * 10, i, 100 + i, if(i % 3 = 0, null, 90) from range(30) as t(i);

    insert into model_quality values
    ('recommendations.buy_again', 'holdout_hit_rate', 0.447, null),
    ('recommendations.buy_again', 'baseline_hit_rate', 0.234, null);
"""


def fill(con: duckdb.DuckDBPyConnection) -> None:
    """Forty products, ninety campaigns, four experiments, thirty members."""
    for statement in con.extract_statements(_FILL):
        con.execute(statement)
