"""When these fail, a metric has another value than its mart, or a condition is more than one."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.errors import HourglassError, UsageError
from dagster_project.metrics import compile_metric, load_metrics
from dagster_project.metrics.answers import answer, changes
from tests.metrics_by_hand import BY_HAND, differing, not_adding_up
from tests.unit.report import report_company as company

METRICS = load_metrics()


@pytest.fixture(scope="module")
def marts():
    with duckdb.connect() as con:
        company.create_tables(con)
        company.fill(con)
        yield con


def test_a_metric_is_its_mart(marts):
    """A dashboard, the report and the command line would show three numbers."""
    assert set(BY_HAND) == set(METRICS.metrics)
    assert differing(marts) == []


def test_the_parts_of_a_sum_are_the_sum(marts):
    """Months or channels would add up to another number than the one above them."""
    assert not_adding_up(marts) == []


@pytest.mark.parametrize("name", sorted(METRICS.metrics))
def test_every_metric_can_be_cut_by_each_of_its_dimensions(marts, name):
    """A listed dimension would end in an error, or a metric have none."""
    dimensions = METRICS.dimensions(METRICS.metric(name))
    assert "month" in dimensions
    for dimension in dimensions:
        rows = answer(marts, METRICS, name, by=[dimension]).rows
        assert len({row[0] for row in rows}) == len(rows)


def test_parts_of_two_marts_keep_the_months_of_both(marts):
    """A month with spend and no sale would be lost, and its money with it."""
    rows = dict(answer(marts, METRICS, "roas_linear", by=["month"]).rows)
    months = marts.execute(
        "select month from channel_scorecard union select month from attribution_channels"
    ).fetchall()
    assert set(rows) == {month for (month,) in months}


def test_conditions_leave_out_what_does_not_fit(marts):
    """A filter would be ignored, or be asked of another column."""
    found = answer(marts, METRICS, "sales", where=["sales_channel = 'app'", "is_first_order"])
    (expected,) = marts.execute(
        "select count(*) from orders where is_sale and sales_channel = 'app' and is_first_order"
    ).fetchone()
    assert found.rows == [(expected,)]
    (rows,) = marts.execute(
        "select count(*) from orders where sales_channel = 'app' and is_first_order"
    ).fetchone()
    assert found.behind == {"orders": rows}


@pytest.mark.parametrize(
    "condition",
    [
        "1; drop table orders",
        "(select 1) = 1",
        "true order by 1",
        "sales_channel = 'app' group by 1",
        "sales_channel = 'app' -- and",
        "orders.sales_channel = 'app'",
        "net_revenue > 0",
        "read_text('/etc/passwd') = 'x'",
        "sales_channel in (select 'app')",
        "",
    ],
)
def test_a_condition_is_only_a_condition(condition):
    """Whoever may ask for a metric could read files, or other columns, through it."""
    with pytest.raises(UsageError):
        compile_metric(METRICS, "sales", where=[condition])


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40))
def test_any_text_as_a_condition_is_refused_or_parsed(text):
    """A stack trace would answer a typing error."""
    try:
        sql = compile_metric(METRICS, "sales", where=[text])
    except UsageError:
        return
    assert sql.count("from orders") == 1


def test_an_unknown_name_is_said(marts):
    """A typing error would end in a stack trace, or in no number."""
    with pytest.raises(UsageError, match="There is no metric nett"):
        compile_metric(METRICS, "nett")
    with pytest.raises(UsageError, match="can be by"):
        compile_metric(METRICS, "sales", ["nett"])
    # What a shell leaves of a text in quotes looks like a column's name.
    with pytest.raises(UsageError, match=r"no dimension France\..*in single quotes"):
        compile_metric(METRICS, "sales", where=["sales_channel = France"])
    with pytest.raises(HourglassError, match="does not fit"):
        answer(marts, METRICS, "sales", where=["month = 'yesterday'"])


def test_what_moved_a_number_is_told(marts):
    """A person would have to search every dimension for the change."""
    with duckdb.connect() as other:
        company.create_tables(other)
        company.fill(other)
        other.execute("update orders set is_sale = false where sales_channel = 'app'")
        found = changes(marts, other, METRICS, "sales")
    assert ("sales_channel", "app") in {change[:2] for change in found[:3]}
