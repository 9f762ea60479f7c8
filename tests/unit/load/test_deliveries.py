"""Freshness, volume and changed columns: what did not come, came half, or came otherwise."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from dagster_project.contracts import SourceSettings
from dagster_project.contracts.mapping import Mapping
from dagster_project.load.delivery_expectations import DeliveryStatus, assess_deliveries, due
from dagster_project.load.reading.header_matching import safe_name
from dagster_project.load.validation.load_targets import load_targets, load_words

NOW = datetime(2026, 3, 20, 5, 0)  # a Friday


def visits(**settings: object) -> Mapping:
    return Mapping.model_validate(
        {
            "mapping": "visits",
            "description": "A table with a number.",
            "reference": "none",
            "settings": settings,
            "columns": {"id": {"required": True}},
            "tables": {"crm.contacts": {"columns": {"contact_id": "id"}}},
        }
    )


def put(landing, day: date, rows: int, at: datetime | None = None) -> Path:
    """A file of one day with ``rows`` records, last written ``at`` (UTC; default 03:00)."""
    text = "id\n" + "".join(f"{day}-{number}\n" for number in range(rows))
    path = landing.put(f"visits/visits_{day}.csv", text)
    at = at or datetime(day.year, day.month, day.day, 3)
    seconds = at.replace(tzinfo=UTC).timestamp()
    os.utime(path, (seconds, seconds))
    return path


def validate_records(landing, mapping: Mapping, now: datetime = NOW) -> DeliveryStatus:
    mappings = {"visits": mapping}
    targets = load_targets(landing.settings, load_words(), mappings)
    (status,) = assess_deliveries(landing.con, targets, now)
    return status


def load(landing, mapping: Mapping, **arguments: object):
    return landing.load(mappings={"visits": mapping}, **arguments)


@pytest.mark.parametrize(
    ("newest", "is_late"),
    [
        (datetime(2026, 3, 20, 3, 59), False),
        (datetime(2026, 3, 20, 4, 30), False),
        # Nearer to yesterday's tick than to today's.
        (datetime(2026, 3, 19, 15, 59), True),
        (datetime(2026, 3, 19, 4, 30), True),
    ],
)
def test_file_answers_the_tick_it_is_nearest_to(landing, newest: datetime, is_late: bool) -> None:
    """Yesterday's file passes for today's, and nobody hears that today's did not come."""
    mapping = visits(expected_delivery="0 4 * * *")
    put(landing, date(2026, 3, 19), 3, at=newest)
    load(landing, mapping)
    status = validate_records(landing, mapping)
    assert status.is_late is is_late
    assert status.due_at == datetime(2026, 3, 20, 4, 0)
    assert ("is late" in status.message) is is_late


def test_source_that_never_delivered_is_late(landing) -> None:
    """A source whose very first delivery fails is taken for one that the company does not have."""
    landing.put("crm/contacts.csv", "contact_id\n1\n")
    mapping = visits(expected_delivery="0 4 * * *", late_or_odd="block")
    load(landing, mapping)
    status = validate_records(landing, mapping)
    assert status.is_late
    assert status.late_or_odd == "block"
    assert "nothing was ever delivered" in status.message
    assert landing.query("SELECT source, is_late FROM ledger.deliveries") == [("visits", True)]


def test_reading_everything_again_makes_nothing_fresh(landing) -> None:
    """A full refresh hides that a source stopped delivering a month ago."""
    mapping = visits(expected_delivery="0 4 * * *")
    put(landing, date(2026, 2, 20), 3)
    load(landing, mapping)
    load(landing, mapping, full_refresh=True)
    assert validate_records(landing, mapping).is_late


def test_file_that_cannot_be_read_is_no_delivery(landing) -> None:
    """A broken file counts as today's delivery, and the gap in the figures is not announced."""
    mapping = visits(expected_delivery="0 4 * * *")
    put(landing, date(2026, 3, 19), 3)
    landing.put("visits/visits_2026-03-20.csv.gz", b"\x1f\x8b broken")
    load(landing, mapping)
    assert validate_records(landing, mapping).is_late


def test_weekend_is_no_delay_and_the_clock_is_the_sources() -> None:
    """A source that rests on Sundays is called late every Monday morning."""
    monday = datetime(2026, 7, 6, 2, 30)
    assert due("0 4 * * 1-5", "Europe/London", monday)[1] == datetime(2026, 7, 3, 3, 0)
    assert due("0 3 * * 1-5", "Europe/London", monday)[1] == datetime(2026, 7, 6, 2, 0)


def fill(landing, weeks: int, rows: int, newest_rows: int) -> None:
    """Daily files; those of Fridays have ``rows`` records, other weekdays ten times as many."""
    newest = NOW.date()
    for back in range(1, weeks * 7 + 1):
        day = newest - timedelta(days=back)
        put(landing, day, rows if back % 7 == 0 else rows * 10)
    put(landing, newest, newest_rows)


@pytest.mark.parametrize(
    ("records", "is_odd"), [(10, False), (20, False), (5, False), (4, True), (21, True)]
)
def test_volume_is_compared_with_the_same_weekday(landing, records: int, is_odd: bool) -> None:
    """Half a file is loaded as if it were the whole day, or Sundays raise an alarm every week."""
    mapping = visits(volume_band=[0.5, 2.0])
    fill(landing, weeks=4, rows=10, newest_rows=records)
    load(landing, mapping)
    status = validate_records(landing, mapping)
    assert (status.usual_records, status.records) == (10, records)
    assert status.is_odd is is_odd
    assert ("outside 5 to 20" in status.message) is is_odd


def test_volume_is_not_judged_on_two_weeks(landing) -> None:
    """A new source blocks the publish because its second Friday was busier than its first."""
    mapping = visits(volume_band=[0.5, 2.0])
    fill(landing, weeks=2, rows=10, newest_rows=500)
    load(landing, mapping)
    status = validate_records(landing, mapping)
    assert (status.usual_records, status.is_odd, status.message) == (None, False, "")


def test_expectation_that_changes_reads_no_file_again(landing) -> None:
    """Changing when a file is due loads years of files again."""
    put(landing, date(2026, 3, 19), 3)
    load(landing, visits())
    summary = load(landing, visits(expected_delivery="0 4 * * *", late_or_odd="block"))
    assert (summary.files_opened, summary.files_known) == (0, 1)
    assert load(landing, visits(time_zone="Asia/Tokyo")).files_loaded == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"expected_delivery": "every morning"},
        {"expected_delivery": "61 4 * * *"},
        {"volume_band": (2.0, 0.5)},
        {"volume_band": (-1, 2)},
        {"late_or_odd": "ignore"},
    ],
)
def test_expectation_that_cannot_be_meant_is_refused(settings: dict) -> None:
    """A misspelt expectation never fires, and nobody notices that it does not."""
    with pytest.raises(ValidationError):
        SourceSettings(**settings)


def test_load_says_what_is_late(landing) -> None:
    """The engineer reads the log at 5 in the morning and does not see which source is missing."""
    put(landing, date(2026, 3, 19), 3)
    summary = load(landing, visits(expected_delivery="0 4 * * *"))
    assert [(m.path, m.level) for m in summary.messages] == [("visits", "warning")]
    assert "visits is late: a file was due" in summary.messages[0].text


def test_first_record_taken_for_a_header_is_not_shown(landing) -> None:
    """A file without a header puts a customer's address into the report as a column's name."""
    assert safe_name("loyalty_tier") == "loyalty_tier"
    assert safe_name("utm_source_2026") == "utm_source_2026"
    for value in ("ann@example.com", "+44 7700 900123", "19790204"):
        assert safe_name(value) == "(a name that looks like a value)"
    landing.put("crm/contacts.csv", "contact_id,ann@example.com\n1,x\n")
    landing.load()
    (message,) = landing.query("SELECT message FROM ledger.schema_events")[0]
    assert "ann@" not in message
