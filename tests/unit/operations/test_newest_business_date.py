"""The day that a run is of, where nobody named one."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.errors import UsageError
from dagster_project.load.ledger.schema import create_raw_tables
from dagster_project.operations.build_plan import asked_day, newest_business_date
from dagster_project.settings import Settings

# Half hours, both ends of the world, a clock that goes back at midnight, one that skips midnight.
ZONES = (
    "UTC",
    "Europe/London",
    "Asia/Kolkata",
    "Pacific/Kiritimati",
    "Pacific/Niue",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Beirut",
)
TODAY = date(2018, 2, 18)


@pytest.fixture(scope="module")
def raw() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        create_raw_tables(con)
        yield con


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    zone=st.sampled_from(ZONES),
    today=st.sampled_from((TODAY, date(2018, 3, 25), date(2018, 11, 4), date(2026, 11, 30))),
    minutes=st.lists(st.integers(-6 * 1440, 4 * 1440), max_size=8),
)
def test_it_is_the_newest_local_date_up_to_today(
    raw: duckdb.DuckDBPyConnection, tmp_path: Path, zone: str, today: date, minutes: list[int]
) -> None:
    """A run in Sydney counts a morning's orders to yesterday, or builds a day that has not come."""
    midnight = datetime(today.year, today.month, today.day)
    moments = [midnight + timedelta(minutes=minute) for minute in minutes]
    raw.execute("DELETE FROM shop.orders")
    for moment in moments:
        raw.execute("INSERT INTO shop.orders (order_id, ordered_at) VALUES ('1', ?)", [moment])
    local = [moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date() for moment in moments]
    expected = max((day for day in local if day <= today), default=today - timedelta(days=1))
    found = newest_business_date(raw, Settings(data_dir=tmp_path, time_zone=zone), today=today)
    assert found == expected


@pytest.mark.parametrize("zone", ZONES)
def test_no_day_to_come_is_taken(zone: str) -> None:
    """A slip in the year is put in force, and no later day ever is."""
    today = datetime.now(ZoneInfo(zone)).date()
    tomorrow = today + timedelta(days=1)
    ours = Settings(time_zone=zone)
    assert asked_day(ours, None) is None
    assert asked_day(ours, today) == today
    assert asked_day(Settings(time_zone=zone, as_of=TODAY), None) == TODAY
    # An option before a setting.
    assert asked_day(Settings(time_zone=zone, as_of=tomorrow), TODAY) == TODAY
    for settings_of, asked in ((ours, tomorrow), (Settings(time_zone=zone, as_of=tomorrow), None)):
        with pytest.raises(UsageError, match="a day to come"):
            asked_day(settings_of, asked)
