"""Service, satisfaction and cuts of cohorts of the report's company, made by SQL alone."""

import duckdb

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

    insert into service_quality (
        call_date, queue, agent_id, offered, answered, answered_timed, answered_in_time,
        abandoned, abandoned_short, wait_seconds, handled, handle_seconds, fcr_calls,
        fcr_resolved
    )
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

    insert into service_impact (
        value_band, experience, customers, repurchase_rate, rate_low, rate_high,
        difference, difference_low, difference_high
    ) values
    ('all', 'badly_served', 40, 0.2, 0.105, 0.348, -0.08, -0.19, 0.06),
    ('all', 'no_contact', 900, 0.28, 0.252, 0.31, null, null, null),
    ('all', 'well_served', 160, 0.35, 0.281, 0.426, 0.05, -0.02, 0.13),
    ('low', 'no_contact', 300, 0.2, 0.159, 0.249, null, null, null);

    insert into satisfaction (
        month, dimension, dimension_value, nps_answers, promoters, detractors,
        csat_answers, csat_good, csat_bad, reviews, mean_rating
    )
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

    insert into churn_reasons (
        month, declared_in, reason_group, statements, customers, lapsed_customers
    )
    select month, declared_in, reason_group, 3 + length(reason_group) % 7, 3, 1
    from (select distinct month from satisfaction where dimension = 'all'), (values
        ('survey', 'price'), ('survey', 'missing_feature_or_goods'), ('call', 'service'),
        ('ticket', '(other)')
    ) as t(declared_in, reason_group);
"""


def fill(con: duckdb.DuckDBPyConnection) -> None:
    """Fill service, satisfaction and cuts from the orders, calls and feedback there are."""
    con.execute(_FILL)
