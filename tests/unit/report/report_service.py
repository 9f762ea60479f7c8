"""Service, satisfaction and cuts of cohorts of the report's company, made by SQL alone."""

import duckdb

_COHORT = """
    period_kind varchar, cohort_start date, period_number bigint, cohort_size bigint,
    active_customers bigint, active_or_later_customers bigint, retention_rate double,
    retention_rate_or_later double, net_revenue decimal(18, 2),
    cumulative_net_revenue decimal(18, 2), cumulative_revenue_per_customer decimal(18, 2),
    cumulative_known_margin decimal(18, 2), margin_known_share double,
    acquisition_cost decimal(18, 2), payback_ratio double, payback_period integer,
    is_complete boolean"""

TABLES = {
    "cohort_retention": _COHORT,
    "cohort_retention_by": f"dimension varchar, dimension_value varchar, {_COHORT}",
    "service_quality": """
        call_date date, queue varchar, agent_id varchar, offered bigint, answered bigint,
        answered_timed bigint, answered_in_time bigint, abandoned bigint, abandoned_short bigint,
        wait_seconds bigint, handled bigint, handle_seconds bigint, fcr_calls bigint,
        fcr_resolved bigint""",
    "service_impact": """
        value_band varchar, experience varchar, customers bigint, repurchase_rate double,
        rate_low double, rate_high double, difference double, difference_low double,
        difference_high double""",
    "satisfaction": """
        month date, dimension varchar, dimension_value varchar, nps_answers bigint,
        promoters bigint, detractors bigint, csat_answers bigint, csat_good bigint,
        csat_bad bigint, reviews bigint, mean_rating double""",
    "churn_reasons": """
        month date, declared_in varchar, reason_group varchar, statements bigint,
        customers bigint, lapsed_customers bigint""",
}

_FILL = """
    insert into cohort_retention by name
    select * replace ('rolling_30d' as period_kind) from cohort_retention
    where period_kind = 'month';

    insert into cohort_retention by name
    select * replace (
        'week' as period_kind, date_trunc('week', cohort_start)::date as cohort_start
    )
    from cohort_retention where period_kind = 'month';

    insert into cohort_retention_by by name
    select d.dimension, d.dimension_value, c.*
    from cohort_retention as c, (values
        ('acquisition_channel', 'organic_search'), ('acquisition_channel', '(none)'),
        ('segment', 'Champions')
    ) as d(dimension, dimension_value)
    where c.period_kind = 'rolling_30d';

    insert into service_quality
    select
        call_date, queue, 'agent ' || (wait_seconds % 3), count(*),
        count(*) filter (where disposition = 'answered'),
        count(*) filter (where disposition = 'answered'),
        count(*) filter (where disposition = 'answered' and wait_seconds <= 20),
        count(*) filter (where disposition = 'abandoned'),
        count(*) filter (where is_short_abandon),
        sum(wait_seconds) filter (where disposition = 'answered'),
        count(*) filter (where disposition = 'answered'),
        sum(talk_seconds + hold_seconds + wrap_up_seconds) filter (where disposition = 'answered'),
        count(*) filter (where disposition = 'answered'),
        count(*) filter (where disposition = 'answered' and wait_seconds % 4 > 0)
    from calls where direction = 'inbound' group by 1, 2, 3;

    insert into service_impact values
    ('all', 'badly_served', 40, 0.2, 0.105, 0.348, -0.08, -0.19, 0.06),
    ('all', 'no_contact', 900, 0.28, 0.252, 0.31, null, null, null),
    ('all', 'well_served', 160, 0.35, 0.281, 0.426, 0.05, -0.02, 0.13),
    ('low', 'no_contact', 300, 0.2, 0.159, 0.249, null, null, null);

    insert into satisfaction
    select
        date_trunc('month', feedback_date)::date, d.dimension, d.dimension_value,
        count(*) filter (where kind = 'nps'),
        count(*) filter (where kind = 'nps' and score >= 9),
        count(*) filter (where kind = 'nps' and score <= 6),
        count(*) filter (where kind = 'csat'),
        count(*) filter (where kind = 'csat' and score >= 4),
        count(*) filter (where kind = 'csat' and score < 3),
        count(*) filter (where kind = 'review'), avg(score) filter (where kind = 'review')
    from feedback, (values
        ('all', 'all'), ('channel', 'call_center'), ('segment', 'Loyal')
    ) as d(dimension, dimension_value)
    group by 1, 2, 3;

    insert into churn_reasons
    select month, declared_in, reason_group, 3 + length(reason_group) % 7, 3, 1
    from (select distinct month from satisfaction where dimension = 'all'), (values
        ('survey', 'price'), ('survey', 'missing_feature_or_goods'), ('call', 'service'),
        ('ticket', '(other)')
    ) as t(declared_in, reason_group);
"""


def fill(con: duckdb.DuckDBPyConnection) -> None:
    """Fill TABLES from the orders, calls and feedback that are there already."""
    con.execute(_FILL)
