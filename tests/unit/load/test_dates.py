"""Dates: every order, separator, number of digits, time and zone is read as it was meant."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import product

import duckdb
import pytest

from tests.unit.load.columns import cast_column, cast_columns

# Beyond the twelfth of a month, and one of the last century, so that no column fits two orders.
MOMENTS = [
    datetime(2025, 12, 31, 13, 50, 36),
    datetime(2026, 2, 13, 0, 5, 9),
    datetime(1999, 10, 30, 12, 0, 1),
]
ORDERS = {
    "day_first": "{d:02}{s}{m:02}{s}{y}",
    "day_first, no zeros": "{d}{s}{m}{s}{y}",
    "month_first": "{m:02}{s}{d:02}{s}{y}",
    "month_first, no zeros": "{m}{s}{d}{s}{y}",
    "year_first": "{y}{s}{m:02}{s}{d:02}",
}
TIMES = {
    "": None,
    " 24 h": " {t:%H:%M:%S}",
    " minutes": " {t:%H:%M}",
    " T": "T{t:%H:%M:%S}",
    " 12 h": " {t:%I:%M:%S} {t:%p}",
    " comma": ", {t:%H:%M:%S}",
}
ZONES = {
    "": None,
    "Z": UTC,
    "+02:00": timezone(timedelta(hours=2)),
    " +0200": timezone(timedelta(hours=2)),
    "-05": timezone(timedelta(hours=-5)),
    " EST": timezone(timedelta(hours=-5)),
    " GMT+2": timezone(timedelta(hours=2)),
    " UTC": UTC,
}
TABLE = [
    (order, sign, digits, time, zone)
    for order, sign, digits, time, zone in product(ORDERS, "/.- ", (2, 4), TIMES, ZONES)
    if time or not zone
]


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def written(moment: datetime, order: str, sign: str, digits: int, time: str, zone: str) -> str:
    year = f"{moment:%Y}"[-digits:]
    text = ORDERS[order].format(d=moment.day, m=moment.month, y=year, s=sign)
    return text + (TIMES[time].format(t=moment) if TIMES[time] else "") + (zone if time else "")


def meant(moment: datetime, time: str, zone: str) -> datetime:
    if not time:
        return moment.replace(hour=0, minute=0, second=0)
    local = moment.replace(second=0) if time == " minutes" else moment
    offset = ZONES[zone]
    return local.replace(tzinfo=offset).astimezone(UTC).replace(tzinfo=None) if offset else local


def test_every_form_of_a_date_is_read(con):
    """Half a year of orders lies on other days, or in quarantine."""
    columns = [[written(moment, *form) for moment in MOMENTS] for form in TABLE]
    found = cast_columns(con, columns, "timestamp")
    wrong = [
        (form, texts, values)
        for form, texts, values in zip(TABLE, columns, found, strict=True)
        if values != [meant(moment, form[3], form[4]) for moment in MOMENTS]
    ]
    assert wrong == []


@pytest.mark.parametrize("digits", [2, 4])
@pytest.mark.parametrize("order", ["day_first", "month_first", "year_first"])
def test_a_declared_order_decides_and_nothing_else_is_read(con, order: str, digits: int):
    """A source says month_first, one date is impossible so, and all are read day first."""
    # Two dates that fit every order, one that only fits the declared one.
    days = [datetime(2011, 10, 9), datetime(2012, 11, 8), datetime(2031, 12, 30)]
    right = [written(day, order, "/", digits, "", "") for day in days]
    assert cast_column(con, right, "timestamp", date_order=order) == days
    for other in {"day_first", "month_first", "year_first"} - {order}:
        text = written(datetime(2031, 12, 30), other, "/", 4, "", "")
        if (order, other) == ("year_first", "year_first"):
            continue
        found = cast_column(con, [*right, text], "timestamp", date_order=order)
        # A year of four digits in front leaves no doubt, whatever the order of the others.
        accepted = days[2] if other == "year_first" else None
        assert found == [*days, accepted]


def test_what_contradicts_a_declared_order_says_so(landing, monkeypatch):
    """The sender is told that 31/12/2025 is no date."""
    from dagster_project.contracts import load_contract

    system = load_contract()["shop"]
    orders = system.tables["orders"]
    declared = orders.model_copy(
        update={"settings": orders.settings.model_copy(update={"date_order": "month_first"})}
    )
    changed = system.model_copy(update={"tables": {**system.tables, "orders": declared}})
    monkeypatch.setattr(
        "dagster_project.load.validation.load_targets.load_contract",
        lambda *_: {**load_contract(), "shop": changed},
    )
    landing.put(
        "shop/orders.csv",
        "order_id,ordered_at,status,total_amount\na,12/31/2025,paid,1\nb,31/12/2025,paid,1\n",
    )
    landing.load()
    assert landing.query("SELECT order_id, ordered_at FROM shop.orders") == [
        ("a", datetime(2025, 12, 31))
    ]
    [(reason, message)] = landing.query("SELECT reason, message FROM ledger.quarantine")
    assert reason == "not_as_declared"
    assert "date_order month_first" in message


@pytest.mark.parametrize(
    "text", ["1900-01-01", "1970-01-01 00:00:00", "01.01.1970", "2999-12-31", "1989-12-31"]
)
def test_an_event_at_an_impossible_time_is_quarantined(landing, text: str):
    """Two orders of 1900 make 1,502 months of retention."""
    landing.put(
        "shop/orders.csv",
        "order_id,ordered_at,status,total_amount,updated_at\n"
        f"a,2026-01-01,paid,1,2026-01-02\nb,{text},paid,1,2026-01-02\nc,2026-01-01,paid,1,{text}\n",
    )
    landing.load()
    assert landing.query("SELECT order_id FROM shop.orders ORDER BY 1") == [("a",), ("c",)]
    assert landing.query("SELECT updated_at FROM shop.orders WHERE order_id = 'c'") == [(None,)]
    assert landing.query(
        "SELECT line, level, column_name, reason FROM ledger.quarantine ORDER BY 1"
    ) == [
        (3, "row", "ordered_at", "implausible_date"),
        (4, "cell", "updated_at", "implausible_date"),
    ]


def test_a_birth_date_may_be_old(landing):
    """Grandmother loses her birthday."""
    landing.put("crm/contacts.csv", "contact_id,birth_date\n1,1931-05-04\n")
    landing.load()
    assert landing.query("SELECT count(birth_date) FROM crm.contacts") == [(1,)]
