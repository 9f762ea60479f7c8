"""Every metric as a person would ask the published marts for it, written by hand.

Nothing here is read from ``dbt/metrics/``: what a definition says is held against these.
"""

from pathlib import Path

import duckdb
import pytest

from dagster_project.metrics import compile_metric, load_metrics
from dagster_project.metrics.answers import answer

ATTRIBUTION_MODELS = (
    "first", "last", "last_non_direct", "linear", "u_shaped", "w_shaped", "time_decay",
    "markov", "shapley",
)  # fmt: skip

_SALES = "from orders where is_sale"
_SPEND = "(select sum(spend) from channel_scorecard)"
# Of a company without spend there is no return on it.
_SPENT = f"nullif({_SPEND}, 0)"
_SCORECARD = "from channel_scorecard"
_SERVICE = "from service_quality"
_ANSWERS = "from satisfaction where dimension = 'all'"

BY_HAND = {
    "net_revenue": f"select sum(net_revenue) {_SALES}",
    "gross_revenue": f"select sum(gross_revenue) {_SALES}",
    "refunded_amount": f"select sum(refunded_amount) {_SALES}",
    "gross_margin": f"select sum(gross_margin) {_SALES}",
    "costed_revenue": f"select sum(net_revenue) {_SALES} and gross_margin is not null",
    "costed_share": "select sum(case when gross_margin is not null then net_revenue end) "
    f"/ sum(net_revenue) {_SALES}",
    "refunded_share": f"select sum(refunded_amount) / sum(gross_revenue) {_SALES}",
    "sales": f"select count(*) {_SALES}",
    "customers": f"select count(distinct customer_id) {_SALES}",
    "new_customers": "select count(*) from orders where is_first_order",
    "average_order_value": f"select avg(net_revenue) {_SALES}",
    "revenue_per_customer": f"select sum(net_revenue) / count(distinct customer_id) {_SALES}",
    "known_customers": "select count(*) from customers",
    "buyers": "select count(*) from customers where order_count > 0",
    "customer_value_to_date": f"select sum(net_revenue) {_SALES} and customer_id is not null",
    "lifetime_value_to_date": "select sum(net_revenue) / count(distinct customer_id) "
    f"{_SALES} and customer_id is not null",
    "predicted_12m_value": "select sum(predicted_12m_value) from customers",
    "customers_with_prediction": "select count(*) from customers "
    "where predicted_12m_value is not null",
    "average_predicted_12m_value": "select avg(predicted_12m_value) from customers",
    "email_reach": "select count(*) from customers where can_email",
    "sms_reach": "select count(*) from customers where can_sms",
    "call_reach": "select count(*) from customers where can_call",
    "customers_at_start": "select sum(customers_at_start) from retention_monthly",
    "retained_customers": "select sum(retained_customers) from retention_monthly",
    "reactivated_customers": "select sum(reactivated_customers) from retention_monthly",
    "retention_rate": "select sum(retained_customers) / sum(customers_at_start) "
    "from retention_monthly",
    "churn_rate": "select 1 - sum(retained_customers) / sum(customers_at_start) "
    "from retention_monthly",
    "sessions": f"select sum(sessions) {_SCORECARD}",
    "bounced_sessions": f"select sum(round(bounce_rate * sessions)) {_SCORECARD}",
    "bounce_rate": f"select sum(round(bounce_rate * sessions)) / sum(sessions) {_SCORECARD}",
    "sessions_with_order": f"select sum(round(conversion_rate * sessions)) {_SCORECARD}",
    "conversion_rate": f"select sum(round(conversion_rate * sessions)) / sum(sessions) "
    f"{_SCORECARD}",
    "time_on_site": f"select sum(average_time_on_site * sessions) {_SCORECARD}",
    "average_time_on_site": "select sum(average_time_on_site * sessions) / sum(sessions) "
    f"{_SCORECARD}",
    "spend": f"select {_SPEND}",
    "credited_revenue": f"select sum(revenue) {_SCORECARD}",
    "credited_new_customers": f"select sum(new_customers) {_SCORECARD}",
    "roas": f"select sum(revenue) / {_SPENT} {_SCORECARD}",
    "cac": f"select sum(spend) / sum(new_customers) {_SCORECARD}",
    "attributed_revenue": "select sum(attributed_revenue) from attribution_channels",
    **{
        f"attributed_revenue_{model}": "select sum(attributed_revenue) from attribution_channels "
        f"where model = '{model}'"
        for model in ATTRIBUTION_MODELS
    },
    **{
        f"roas_{model}": f"select sum(attributed_revenue) / {_SPENT} from attribution_channels "
        f"where model = '{model}'"
        for model in ATTRIBUTION_MODELS
    },
    "calls_offered": f"select sum(offered) {_SERVICE}",
    "calls_answered_in_time": f"select sum(answered_in_time) {_SERVICE}",
    "calls_judged": f"select sum(offered - answered + answered_timed) {_SERVICE}",
    "service_level": "select sum(answered_in_time) / sum(offered - answered + answered_timed) "
    f"{_SERVICE}",
    "calls_abandoned": f"select sum(abandoned - abandoned_short) {_SERVICE}",
    "calls_waiting": f"select sum(offered - abandoned_short) {_SERVICE}",
    "abandon_rate": "select sum(abandoned - abandoned_short) / sum(offered - abandoned_short) "
    f"{_SERVICE}",
    "call_wait": f"select sum(wait_seconds) {_SERVICE}",
    "calls_timed": f"select sum(answered_timed) {_SERVICE}",
    "asa": f"select sum(wait_seconds) / sum(answered_timed) {_SERVICE}",
    "call_handling": f"select sum(handle_seconds) {_SERVICE}",
    "calls_handled": f"select sum(handled) {_SERVICE}",
    "aht": f"select sum(handle_seconds) / sum(handled) {_SERVICE}",
    "calls_resolved_first": f"select sum(fcr_resolved) {_SERVICE}",
    "calls_judged_first": f"select sum(fcr_calls) {_SERVICE}",
    "fcr": f"select sum(fcr_resolved) / sum(fcr_calls) {_SERVICE}",
    "net_promoter_points": f"select 100 * sum(promoters - detractors) {_ANSWERS}",
    "nps_responses": f"select sum(nps_answers) {_ANSWERS}",
    "nps": f"select 100 * sum(promoters - detractors) / sum(nps_answers) {_ANSWERS}",
    "satisfied": f"select sum(csat_good) {_ANSWERS}",
    "satisfaction_judged": f"select sum(csat_good + csat_bad) {_ANSWERS}",
    "csat": f"select sum(csat_good) / sum(csat_good + csat_bad) {_ANSWERS}",
    "deals_opened": "select count(*) from deals",
    "deals_won": "select count(*) from deals where is_won",
    "deals_closed": "select count(*) from deals where status <> 'open'",
    "win_rate": "select avg(case when is_won then 1 else 0 end) from deals where status <> 'open'",
    "won_deal_amount": "select sum(amount) from deals where is_won",
    "days_in_pipeline": "select sum(age_days) from deals where status <> 'open'",
    "days_to_close": "select avg(age_days) from deals where status <> 'open'",
    "audience_size": "select count(distinct customer_id) from audiences",
    "audience_reach": "select count(distinct customer_id) from audiences "
    "where left_out_because is null",
    "audience_held_out": "select count(distinct customer_id) from audiences where is_held_out",
}  # fmt: skip


def differing(con: duckdb.DuckDBPyConnection) -> list[str]:
    """What a metric says beside what its mart says, of every metric in which they differ."""
    metrics = load_metrics()
    found = []
    for name, sql in BY_HAND.items():
        given, expected = (
            None if row is None or row[0] is None else float(row[0])
            for row in (
                con.execute(compile_metric(metrics, name)).fetchone(),
                con.execute(sql).fetchone(),
            )
        )
        # A sum over no rows is NULL, a count of none is 0: both say that there was nothing.
        if (given or 0) != pytest.approx(expected or 0, rel=1e-9):
            found.append(f"{name}: {given}, by hand {expected}")
    return found


def not_adding_up(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Sums that are another number when each of their dimensions is added up."""
    metrics = load_metrics()
    found = []
    for name, metric in metrics.metrics.items():
        if metric.kind != "simple" or metric.model is None or metric.measure is None:
            continue
        if not metrics.models[metric.model].measures[metric.measure].startswith("sum("):
            continue
        (whole,) = (row[0] for row in answer(con, metrics, name).rows)
        for dimension in metrics.dimensions(metric):
            rows = answer(con, metrics, name, by=[dimension]).rows
            parts = sum(float(row[-1] or 0) for row in rows)
            if parts != pytest.approx(float(whole or 0), rel=1e-9, abs=1e-6):
                found.append(f"{name} by {dimension}: {parts}, in all {whole}")
    return found


def published_faults(marts: Path) -> list[str]:
    """Both, of a published ``marts.duckdb``."""
    with duckdb.connect(str(marts), read_only=True) as con:
        return differing(con) + not_adding_up(con)
