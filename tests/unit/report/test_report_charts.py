"""When these fail, charts show another height, month or order than the numbers beside them."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.report.charts import Series, nice_ticks, spark, time_plot
from dagster_project.report.context import add_months, month_range

MONTHS = month_range(date(2023, 11, 1), date(2024, 2, 1))


def plot(*series, complete_until=date(2024, 1, 1)):
    return time_plot(MONTHS, series, axis=str, reading=str, complete_until=complete_until)


@given(
    st.floats(-1e12, 1e12, allow_nan=False).map(lambda x: round(x, 6)),
    st.floats(-1e12, 1e12, allow_nan=False).map(lambda x: round(x, 6)),
)
def test_ticks_enclose_the_values(one, other):
    """A line would leave the plot."""
    low, high = sorted((one, other))
    ticks = nice_ticks(low, high)
    slack = max(abs(low), abs(high), 1) * 1e-6
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= 8
    assert all(a < b for a, b in pairwise(ticks))


def test_columns_stand_on_each_other_and_the_open_month_is_apart():
    """The parts of a month would not add up to its height, or an open month look complete."""
    drawn = plot(Series("a", [10, 0, 20, 40], "column"), Series("b", [30, None, 20, 0], "column"))
    assert [tick.label for tick in drawn.ticks] == ["0.0", "10.0", "20.0", "30.0", "40.0"]
    lower, upper = drawn.marks
    assert lower.path.startswith("M4.50 100.00V75.00H20.50V100.00Z")
    assert upper.path.startswith("M4.50 75.00V0.00H20.50V75.00Z")
    assert lower.open_path == "M79.50 100.00V0.00H95.50V100.00Z"
    assert upper.open_path == ""
    assert [band.is_incomplete for band in drawn.bands] == [False, False, False, True]


def test_a_line_has_a_gap_where_nothing_is_known():
    """A month without a value would be drawn as a value."""
    (mark,) = plot(Series("rate", [0.5, None, 0.25, 0.5])).marks
    assert mark.path == ""
    assert mark.open_path.count("M") == 1
    assert mark.dots.count("h0") == 3


def test_readings_and_summary_say_the_numbers():
    """Pointer and screen reader would get other numbers than the table."""
    drawn = plot(Series("a", [1, 4, 2, 9]), Series("b", [None, None, None, 1]))
    assert drawn.bands[0].reading == "November 2023\na: 1\nb: \u2013"
    assert drawn.bands[3].reading == "February 2024 (month not complete)\na: 9\nb: 1"
    assert drawn.summary == (
        "a: 1 in November 2023, 2 in January 2024, highest 4 in December 2023. "
        "b: no complete month yet."
    )


@pytest.mark.parametrize("count", [1, 2, 11, 12, 13, 25, 60])
def test_labels_fit_and_the_newest_month_is_named(count):
    """Labels would overlap, or the month that a reader looks for have none."""
    months = month_range(add_months(date(2024, 5, 1), 1 - count), date(2024, 5, 1))
    drawn = time_plot(
        months, [Series("a", [1] * count)], axis=str, reading=str, complete_until=None
    )
    assert len(drawn.labels) <= 12
    assert 1 <= sum(label.is_major for label in drawn.labels) <= 4
    assert drawn.labels[-1].text == "May"
    assert drawn.labels[-1].is_major
    assert drawn.labels[0].is_new_year
    assert all(0 < label.at < 100 for label in drawn.labels)


def test_spark_needs_two_points():
    """A single month would be drawn as a trend."""
    assert spark([None, 3]) is None
    assert spark([1, None, 1]).path == "M0.0 90.0 L100.0 90.0"
