"""Predictions and segments of the report's company: plausible numbers, made by SQL alone."""

import duckdb

_FILL = """
    insert into customer_value (
        customer_id, value_tier, order_count, ltv_to_date, p_alive,
        expected_orders_12m, predicted_12m_value, churn_probability,
        repurchase_probability, next_order_expected_date
    )
    select
        customer_id, value_tier, order_count, net_revenue,
        if(is_profiling_withdrawn or order_count = 0, null, 0.2 + (i % 8) / 10.0),
        if(is_profiling_withdrawn or order_count = 0, null, order_count / 3.0),
        if(is_profiling_withdrawn or order_count = 0, null, round(net_revenue * (i % 7) / 9.0, 2)),
        if(is_profiling_withdrawn or order_count = 0, null, 0.9 - (i % 8) / 10.0),
        if(is_profiling_withdrawn or order_count = 0, null, (i % 8) / 20.0),
        null
    from (select *, row_number() over (order by customer_id) as i from customers) as numbered;

    insert into customer_segments (
        customer_id, lifecycle_stage, rfm_segment, persona, persona_label, gender,
        age_band, region, country
    )
    select
        customer_id, lifecycle_stage, rfm_segment,
        case when alive is not null then ['regulars', 'lapsed'][1 + i % 2] end,
        case when alive is not null
            then ['Regulars: buy often', 'Lapsed: have not bought lately'][1 + i % 2] end,
        if(i % 3 = 0, null, 'female'), ['25-34', '35-44', null][1 + i % 3], 'Wales', 'GB'
    from (
        select c.*, v.p_alive as alive, row_number() over (order by c.customer_id) as i
        from customers as c inner join customer_value as v on c.customer_id = v.customer_id
    );

    insert into segment_migrations (
        month, from_segment, to_segment, customers, share_of_from, is_move
    )
    select
        m.month, f.segment, t.segment, 5 + (f.i * 3 + t.i * 7 + month(m.month)) % 40,
        null, f.segment <> t.segment
    from (select unnest([date '2024-03-01', date '2024-04-01', date '2024-05-01']) as month) as m,
        (values (0, '(none)'), (1, 'Champions'), (2, 'Loyal'), (3, 'At risk'), (4, 'Own name'))
            as f(i, segment),
        (values (1, 'Champions'), (2, 'Loyal'), (3, 'At risk'), (4, 'Own name')) as t(i, segment);
    update segment_migrations as m
    set share_of_from = customers / (
        select sum(customers) from segment_migrations as o
        where o.month = m.month and o.from_segment = m.from_segment
    )
    where from_segment <> '(none)';

    insert into demand_forecast (
        category, week_start, horizon, is_forecast, units_sold, forecast_units,
        lower_units, upper_units, model, mase
    )
    select
        c.category, date '2024-06-10' + cast(h.horizon * 7 as integer), h.horizon, h.horizon > 0,
        if(h.horizon > 0, null, 40 + (h.horizon + 200) * 7 % 31 + c.i),
        if(h.horizon > 0, 50 + h.horizon, null), if(h.horizon > 0, 35 - h.horizon, null),
        if(h.horizon > 0, 66 + h.horizon, null),
        if(h.horizon > 0, ['mean', 'seasonal_naive', 'naive'][1 + c.i % 3], null),
        if(h.horizon > 0, 0.5 + c.i / 4.0, null)
    from (values (0, '(all)'), (1, 'Tea'), (2, 'Cups'), (3, '(none)')) as c(i, category),
        (select unnest(range(-80, 9)) as horizon) as h
    where not (c.category = '(none)' and h.horizon > 0);

    insert into driver_analysis (
        method, outcome, feature, statistic, estimate, ci_low, ci_high, n, p_value
    )
    select 'spearman', o.outcome, f.feature, 'rho', o.sign * f.rho, o.sign * f.rho - 0.1,
        o.sign * f.rho + 0.1, 900, 0.01
    from (values ('churn', 1), ('value', -1)) as o(outcome, sign),
        (values ('days_since_last_order', 0.4), ('weekend_share', -0.05), ('own', 0.1))
            as f(feature, rho);

    insert into model_quality (model, metric, value, note) values
    ('bg_nbd', 'fitted', 1, 'days'), ('bg_nbd', 'r', 0.7, null),
    ('bg_nbd', 'r_standard_error', 0.04, null), ('bg_nbd', 'log_likelihood', -1234.5, null),
    ('expected_orders', 'holdout_days', 182, null), ('expected_orders', 'holdout_rmse', 1.2, null),
    ('expected_orders', 'baseline_rmse', 2.4, null), ('expected_orders', 'beats_baseline', 1, null),
    ('expected_orders', 'holdout_total_ratio', 0.93, null),
    ('expected_orders', 'holdout_predicted_total', 930, null),
    ('expected_orders', 'holdout_actual_total', 1000, null),
    ('churn_propensity', 'predicted_rate', 0.4, null),
    ('churn_propensity', 'actual_rate', 0.5, null),
    ('churn_propensity', 'horizon_days', 90, null),
    ('churn_propensity', 'beats_baseline', 0, null),
    ('churn_propensity', 'chosen', null, 'baseline: logistic does not clearly beat it'),
    ('churn_propensity.logistic', 'brier', 0.2, null),
    ('churn_propensity.logistic', 'auc', 0.71, null),
    ('churn_propensity.gradient_boosting', 'brier', 0.3, null),
    ('churn_propensity.gradient_boosting', 'auc', 0.99, null),
    ('churn_propensity.baseline', 'auc', 0.69, null),
    ('demand_forecast.(none)', 'fitted', 0, 'goods were sold in 6 of 97 weeks');
"""


def fill(con: duckdb.DuckDBPyConnection) -> None:
    """Values, personas, three months of moves and 80 weeks of demand for the customers there."""
    for statement in con.extract_statements(_FILL):
        con.execute(statement)
