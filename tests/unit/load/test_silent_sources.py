"""Sources that fall silent: what is usual is learnt from what came, and its absence is told."""

from datetime import UTC, date, datetime, timedelta

import pytest

from dagster_project.contracts.mapping import Mapping
from dagster_project.load.delivery_expectations import assess_deliveries, learnt_due
from dagster_project.load.ledger.accounting import ledger_warnings
from dagster_project.load.ledger.schema import create_raw_tables
from dagster_project.load.validation.load_targets import load_targets, load_words

NOW = datetime(2026, 3, 20, 5, 0)  # a Friday
TODAY = NOW.date()


def ledger(landing, source: str, days: dict[date, int], *, arrived: bool = True) -> None:
    """The ledger after a file of each day with so many records; ``arrived`` on its day or now."""
    create_raw_tables(landing.con)
    for day, records in days.items():
        name = f"{source}_{day}"
        at = datetime(day.year, day.month, day.day, 3) if arrived else NOW
        seconds = int(at.replace(tzinfo=UTC).timestamp()) * 10**9
        landing.con.execute(
            "INSERT INTO ledger.files (file_hash, path, target, delivered_on, records, outcome, "
            "loaded_at) VALUES (?, ?, ?, ?, ?, 'loaded', ?)",
            [name, name, source, day, records, NOW],
        )
        landing.con.execute(
            "INSERT INTO ledger.paths (path, target, mtime_ns, file_hash, state) "
            "VALUES (?, ?, ?, ?, 'loaded')",
            [name, source, seconds, name],
        )


def warned(landing, now: datetime = NOW, **settings: object) -> dict[str, str]:
    """What is said, by source; ``settings`` are those of the mapping ``visits``."""
    mapping = Mapping.model_validate(
        {
            "mapping": "visits",
            "description": "A table with a number.",
            "settings": settings,
            "columns": {"id": {"required": True}},
            "tables": {"crm.contacts": {"columns": {"contact_id": "id"}}},
        }
    )
    targets = load_targets(landing.settings, load_words(), {"visits": mapping})
    statuses = assess_deliveries(landing.con, targets, now)
    return {status.source: status.message for status in statuses if status.message}


def daily(last: date, count: int, records: int = 100, rest: tuple[int, ...] = ()) -> dict:
    """``count`` days up to ``last``, without the weekdays of ``rest`` (Monday is 0)."""
    days = (last - timedelta(days=back) for back in range(count))
    return {day: records for day in days if day.weekday() not in rest}


@pytest.mark.parametrize(("silent_days", "is_late"), [(0, False), (1, False), (2, True), (7, True)])
def test_a_daily_source_that_stops_is_named(landing, silent_days: int, is_late: bool):
    """A week without web events passes with the warnings of every other day."""
    ledger(landing, "shop.web_events", daily(TODAY - timedelta(days=silent_days), 30))
    ledger(landing, "shop.orders", daily(TODAY, 30))
    said = warned(landing)
    assert set(said) == ({"shop.web_events"} if is_late else set())
    if is_late:
        assert "is late: after 30 deliveries the next was due by" in said["shop.web_events"]
        kept = {"deliveries": [{"message": message} for message in said.values()]}
        assert ledger_warnings(kept) == list(said.values())


def test_too_few_deliveries_say_nothing(landing):
    """A source that came seven times by hand raises an alarm for ever after."""
    ledger(landing, "shop.orders", daily(TODAY - timedelta(days=20), 7))
    ledger(landing, "crm.contacts", daily(TODAY, 3))
    assert warned(landing) == {}


def test_weekends_are_learnt(landing):
    """A source that rests at weekends is late every Monday morning, or never."""
    friday = date(2026, 3, 13)
    weekdays = sorted(daily(friday, 60, rest=(5, 6)))
    assert learnt_due(weekdays) == date(2026, 3, 16)
    assert learnt_due(weekdays[:-1]) == friday
    ledger(landing, "shop.orders", daily(friday, 60, rest=(5, 6)))
    assert warned(landing, datetime(2026, 3, 16, 5)) == {}
    assert set(warned(landing, datetime(2026, 3, 17, 5))) == {"shop.orders"}


def test_a_weekly_source_has_its_week(landing):
    """A weekly export is called late on its second day."""
    days = {date(2026, 3, 16) - timedelta(weeks=back): 50 for back in range(9)}
    ledger(landing, "crm.deals", days)
    assert warned(landing) == {}
    assert set(warned(landing, datetime(2026, 3, 24, 5))) == {"crm.deals"}


def test_one_holiday_does_not_hide_a_silence(landing):
    """After the ten days of Christmas nothing is late before the eleventh."""
    days = daily(TODAY - timedelta(days=3), 60)
    for back in range(30, 40):
        days.pop(TODAY - timedelta(days=back))
    ledger(landing, "shop.orders", days)
    assert set(warned(landing)) == {"shop.orders"}


def test_a_history_is_not_late(landing):
    """The sample, and every data set of the past, begins with a page of warnings."""
    end = date(2025, 6, 30)
    ledger(landing, "shop.orders", daily(end, 30), arrived=False)
    ledger(landing, "call_center.calls", daily(end - timedelta(days=9), 30), arrived=False)
    assert set(warned(landing)) == {"call_center.calls"}


@pytest.mark.parametrize(("records", "is_odd"), [(58, False), (40, False), (1, True), (500, True)])
def test_a_volume_out_of_the_usual_is_named(landing, records: int, is_odd: bool):
    """Contacts go from 58 rows to 1, and nobody is told."""
    ledger(landing, "crm.contacts", {**daily(TODAY, 40, records=58), TODAY: records})
    said = warned(landing)
    assert bool(said) is is_odd
    if is_odd:
        found = "record" if records == 1 else "records"
        assert f"delivered {records:,} {found} for {TODAY}" in said["crm.contacts"]


def test_volumes_are_learnt_per_weekday(landing):
    """A shop that sells little on Sundays raises an alarm every Sunday."""
    sunday = date(2026, 3, 15)
    days = daily(sunday, 60, records=1000)
    days = {day: 20 if day.weekday() == 6 else count for day, count in days.items()}
    ledger(landing, "shop.orders", days)
    assert warned(landing, datetime(2026, 3, 15, 9)) == {}


def test_a_working_day_with_the_volume_of_a_sunday_is_named(landing):
    """A Monday brings a fiftieth of its orders, and passes because Sunday brought no more."""
    monday = date(2026, 3, 16)
    days = daily(monday, 60, records=1000)
    days = {day: 20 if day.weekday() == 6 else count for day, count in days.items()}
    ledger(landing, "shop.orders", {**days, monday: 20})
    assert "delivered 20 records" in warned(landing, datetime(2026, 3, 16, 9))["shop.orders"]


@pytest.mark.parametrize(("said", "outcome"), [("warn", "warn"), ("block", "block"), ("off", None)])
def test_a_setting_makes_it_block_or_silent(landing, said: str, outcome: str | None):
    """Whoever cannot publish without a source cannot say so, and a retired one warns for ever."""
    ledger(landing, "visits", daily(TODAY - timedelta(days=9), 30))
    ledger(landing, "crm.contacts", daily(TODAY, 3))
    assert set(warned(landing, late_or_odd=said)) == ({"visits"} if outcome else set())
    assert landing.query("SELECT late_or_odd FROM ledger.deliveries WHERE is_late") == (
        [(outcome,)] if outcome else []
    )


def test_each_instance_is_a_source(landing):
    """The German shop falls silent, and the French one's files hide it."""
    ledger(landing, "shop.orders@de", daily(TODAY - timedelta(days=9), 30))
    ledger(landing, "shop.orders@fr", daily(TODAY, 30))
    assert set(warned(landing)) == {"shop.orders@de"}
