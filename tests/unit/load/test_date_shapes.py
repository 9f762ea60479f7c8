"""Shapes of dates: trying each shape once leaves out no format that a text is written in."""

from datetime import datetime

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.load.validation.format_inference import FAMILIES, fitting_formats
from dagster_project.warehouse import quoted

FORMATS = [form for formats in FAMILIES.values() for form in formats]
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))


def as_people_write(moment: datetime, form: str, zeros: bool) -> str:
    """A time in a form, with or without zeros in front of its numbers."""
    text = moment.strftime(form)
    return text if zeros else text.replace("/0", "/").replace(" 0", " ").removeprefix("0")


texts = st.lists(
    st.one_of(
        st.builds(as_people_write, MOMENTS, st.sampled_from(FORMATS), st.booleans()),
        # Digits and signs at random, which some format takes for a date now and then.
        st.from_regex(r"[0-9]{1,8}([ ./:T,-]{1,2}[0-9]{1,4}){0,5}( ?[AP]M)?", fullmatch=True),
        st.text(max_size=12),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


# The oracle's 660 expressions take 0.1 s to plan.
@settings(deadline=None, max_examples=30)
@given(texts)
def test_no_format_that_a_text_fits_is_left_out(con, found):
    """A day of the column is not read, or as another day, because its format was not tried."""
    con.execute("CREATE OR REPLACE TEMP TABLE found AS SELECT unnest(?::VARCHAR[]) AS t", [found])
    tried = ", ".join(
        f"bool_or(regexp_matches(t, '[0-9]') AND try_strptime(t, {quoted(form)}) IS NOT NULL)"
        for form in FORMATS
    )
    row = con.execute(f"SELECT {tried} FROM found").fetchone()
    fitting = fitting_formats(con, "found", FORMATS)
    assert {form for form, fits in zip(FORMATS, row, strict=True) if fits} <= fitting


def test_a_column_in_one_form_is_tried_with_few(con):
    """A shop's 20,000 orders with dates such as 31/12/2025 10:00 take 12 s to load, and not one."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE found AS SELECT strftime(TIMESTAMP '2025-01-01' "
        "+ to_minutes(CAST(17 * i AS INTEGER)), '%d/%m/%Y %H:%M') AS t FROM range(20000) AS r(i)"
    )
    assert fitting_formats(con, "found", FORMATS) == {"%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"}


def test_a_column_of_many_shapes_is_tried_with_all(con):
    """Texts in a column of dates fill the memory, or the dates among them are not read."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE found AS SELECT repeat('x', i % 60) || '1' || "
        "repeat('y', i // 60) AS t FROM range(2000) AS r(i)"
    )
    assert fitting_formats(con, "found", FORMATS) == set(FORMATS)
