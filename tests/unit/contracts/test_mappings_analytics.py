"""Web and product analytics: files in the vendors' documented formats, to canonical rows."""

import gzip
import re
import shutil
import zipfile
from datetime import date, datetime
from decimal import Decimal

import duckdb
import pytest

from dagster_project.contracts.mapping import MAPPINGS_DIR, read_mapping
from tests.vendor_files import VENDOR_EXPORTS, load_export

NINA = "Nina.Vogel@example.org"


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-10 {text}")


def ga4_rows() -> list[dict]:
    here = {"device": "desktop", "country": "Germany", "visitor_id": "111.222"}
    return [
        here
        | {
            "occurred_at": at("10:13:20.123456"),
            "event_name": "page_view",
            "page_path": "/lamps",
            "utm_source": "news",
            "utm_medium": "email",
            "utm_campaign": "january sale",
            "referrer": "https://mail.example/",
        },
        here
        | {
            "account_id": "A-17",
            "occurred_at": at("10:13:50"),
            "event_name": "product_view",
            "page_path": "/lamps/7",
            "product_id": "L7",
        },
        here
        | {
            "account_id": "A-17",
            "occurred_at": at("10:14:50"),
            "event_name": "order_placed",
            "page_path": "/thanks",
            "order_id": "O-9",
        },
        {
            "visitor_id": "333.444",
            "occurred_at": at("10:30:00"),
            "event_name": "page_view",
            "page_path": "/",
            "utm_source": "google",
            "utm_medium": "cpc",
            "device": "mobile",
        },
        {
            "visitor_id": "app7",
            "occurred_at": at("10:35:00"),
            "event_name": "page_view",
            "page_path": "Basket",
            "device": "mobile",
            "country": "Germany",
        },
    ]


GA4_LEFT_OUT = {"automatic_event": 1, "no_consent": 1, "internal_traffic": 1, "other_event": 1}


def test_ga4(tmp_path):
    """GA4's visits are missing, at the wrong time, or under the wrong campaign."""
    loaded = load_export(tmp_path, "ga4")
    assert loaded.rows("shop.web_events", without=("event_id",)) == ga4_rows()
    assert loaded.tables == {"shop.web_events"}
    assert loaded.left_out == GA4_LEFT_OUT
    assert loaded.quarantined == [(9, "event_timestamp", "invalid_value")]


def test_ga4_as_parquet_gives_the_same_events(tmp_path):
    """The same day exported as Parquet counts twice, or loses what lies within records."""
    source = VENDOR_EXPORTS / "ga4" / "events_20260110.json"
    lines = [line for line in source.read_text().splitlines() if "yesterday" not in line]
    (tmp_path / "whole.json").write_text("\n".join(lines))
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT * REPLACE (CAST(event_timestamp AS BIGINT) AS event_timestamp) "
            f"FROM read_json('{tmp_path}/whole.json')) TO '{tmp_path}/events_20260110.parquet'"
        )
    (tmp_path / "1").mkdir()
    loaded = load_export(tmp_path / "1", "ga4", tmp_path / "events_20260110.parquet")
    assert loaded.rows("shop.web_events", without=("event_id",)) == ga4_rows()
    assert loaded.left_out == GA4_LEFT_OUT
    (tmp_path / "2").mkdir()
    as_json = load_export(tmp_path / "2", "ga4", source)
    ids = [row["event_id"] for row in loaded.rows("shop.web_events")]
    assert ids == [row["event_id"] for row in as_json.rows("shop.web_events")]
    assert len(set(ids)) == 5


def test_segment(tmp_path):
    """Segment's events are lost, or an identify call makes an account of nobody."""
    loaded = load_export(tmp_path, "segment")
    assert loaded.rows("shop.web_events") == [
        {
            "event_id": "ajs-1",
            "visitor_id": "anon-1",
            "occurred_at": at("09:00:00.250"),
            "event_name": "page_view",
            "page_path": "/",
            "utm_source": "g",
            "utm_medium": "cpc",
            "utm_campaign": "winter",
            "referrer": "https://www.google.com/",
            "device": "Mozilla/5.0 (X11; Linux x86_64)",
        },
        {
            "event_id": "ajs-2",
            "visitor_id": "anon-1",
            "account_id": "A-17",
            "occurred_at": at("09:01:00"),
            "event_name": "add_to_cart",
            "page_path": "/lamps/7",
            "product_id": "L7",
        },
        {
            "event_id": "node-3",
            "visitor_id": "user:A-17",
            "account_id": "A-17",
            "occurred_at": at("09:02:00"),
            "event_name": "order_placed",
            "order_id": "O-9",
        },
    ]
    assert loaded.rows("shop.accounts") == [
        {
            "account_id": "A-17",
            "registered_at": datetime(2025, 12, 1, 8),
            "email": NINA,
            "phone": "+49 30 123456",
            "first_name": "Nina",
            "last_name": "Vogel",
            "birth_date": date(1990, 4, 2),
            "city": "Berlin",
            "postal_code": "10115",
            "country": "Germany",
        }
    ]
    assert loaded.left_out == {
        "group_or_alias": 1,
        "identify_without_contact": 1,
        "other_event": 1,
    }
    assert loaded.quarantined == [(8, "shop.web_events.visitor_id", "missing_value")]


MIXPANEL_ROWS = [
    {
        "event_id": "i1",
        "visitor_id": "d-1",
        "occurred_at": at("09:00:00"),
        "event_name": "page_view",
        "page_path": "/lamps",
        "utm_source": "vk",
        "utm_medium": "social",
        "utm_campaign": "winter sale",
        "referrer": "https://vk.com/",
        "device": "Pixel",
        "country": "DE",
    },
    {
        "event_id": "i2",
        "visitor_id": "d-1",
        "account_id": "A-17",
        "occurred_at": at("09:01:00"),
        "event_name": "product_view",
        "page_path": "/lamps/7",
        "product_id": "L7",
        "device": "Android",
        "country": "DE",
    },
    {
        "event_id": "i3",
        "visitor_id": "A-17",
        "account_id": "A-17",
        "occurred_at": at("09:02:00"),
        "event_name": "order_placed",
        "order_id": "O-9",
    },
    {
        "event_id": "i6",
        "visitor_id": "d-2",
        "occurred_at": at("09:02:03"),
        "event_name": "sign_up",
    },
]


def test_mixpanel(tmp_path):
    """Mixpanel's events are lost, or a company's own property os refuses the whole file."""
    loaded = load_export(tmp_path, "mixpanel")
    assert loaded.rows("shop.web_events") == MIXPANEL_ROWS
    assert loaded.left_out == {"automatic_event": 1, "other_event": 1}
    assert loaded.quarantined == [(7, "properties.time", "missing_value")]


def test_mixpanel_counts_seconds_in_the_projects_time_zone(tmp_path, monkeypatch):
    """The visits of an older project are hours off, because its clock is taken for UTC."""
    text = (MAPPINGS_DIR / "mixpanel.yml").read_text()
    (told,) = re.findall(r"#   (timezone\(.+\))", text)
    changed = tmp_path / "mixpanel.yml"
    changed.write_text(re.sub(r"occurred_at: .+", lambda found: f"occurred_at: {told}", text))
    mappings = {"mixpanel": read_mapping(changed)}
    monkeypatch.setattr("tests.vendor_export.load_mappings", lambda: mappings)
    rows = load_export(tmp_path, "mixpanel").rows("shop.web_events")
    assert [row["occurred_at"].hour for row in rows] == [17, 17, 17, 17]


def test_amplitude_zip_of_gzipped_files(tmp_path):
    """What the Export API gives cannot be delivered as it is."""
    source = VENDOR_EXPORTS / "amplitude" / "123456_2026-01-10_9#0.json"
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(f"123456/{source.name}.gz", gzip.compress(source.read_bytes()))
    loaded = load_export(tmp_path, "amplitude", archive)
    assert loaded.rows("shop.web_events") == [
        {
            "event_id": "u-1",
            "visitor_id": "dev-1",
            "occurred_at": at("09:00:00.123"),
            "event_name": "page_view",
            "page_path": "/lamps",
            "utm_source": "news",
            "utm_medium": "email",
            "utm_campaign": "jan",
            "referrer": "https://mail.example/",
            "device": "Windows",
            "country": "Germany",
        },
        {
            "event_id": "u-2",
            "visitor_id": "dev-1",
            "account_id": "A-17",
            "occurred_at": at("09:01:00"),
            "event_name": "add_to_cart",
            "product_id": "L7",
            "device": "Windows",
            "country": "Germany",
        },
        {
            "event_id": "u-3",
            "visitor_id": "amplitude:900002",
            "account_id": "A-17",
            "occurred_at": at("09:02:00"),
            "event_name": "order_placed",
            "order_id": "O-9",
        },
    ]
    assert loaded.left_out == {"automatic_event": 2, "other_event": 1}
    assert loaded.quarantined == [(7, "event_time", "invalid_value")]


def test_heap_pageviews(tmp_path):
    """Heap's page views are missing, or years off where times are milliseconds."""
    loaded = load_export(tmp_path, "heap_pageviews")
    assert loaded.rows("shop.web_events") == [
        {
            "event_id": "7001",
            "visitor_id": "5551",
            "occurred_at": at("09:00:00.123"),
            "event_name": "page_view",
            "page_path": "/lamps",
            "utm_source": "news",
            "utm_medium": "email",
            "utm_campaign": "jan",
            "referrer": "https://www.bing.com/",
            "device": "Desktop",
            "country": "Germany",
        },
        {
            "event_id": "7002",
            "visitor_id": "5552",
            "occurred_at": at("09:01:00"),
            "event_name": "page_view",
            "page_path": "/",
            "device": "Mobile",
            "country": "France",
        },
    ]
    assert loaded.left_out == {}
    assert loaded.quarantined == [(4, "user_id", "missing_value")]


def test_heap_events(tmp_path):
    """Heap's page views count twice, because all_events repeats them."""
    loaded = load_export(tmp_path, "heap_events")
    assert loaded.rows("shop.web_events") == [
        {
            "event_id": "7004",
            "visitor_id": "5551",
            "occurred_at": at("09:01:00"),
            "event_name": "add_to_cart",
        }
    ]
    assert loaded.left_out == {"page_view": 1, "other_event": 1}
    assert loaded.quarantined == []


def test_heap_table_of_one_event(tmp_path):
    """A table that does not say which event it holds is loaded as any event."""
    path = tmp_path / "checkout_started.csv"
    path.write_text("user_id,event_id,time,type\n5551,7006,2026-01-10 09:03:00,click\n")
    loaded = load_export(tmp_path, "heap_events", path)
    assert loaded.quarantined == [(None, "event_table_name", "missing_column")]


def test_hotjar(tmp_path):
    """An answer is lost, or a response without one is a score."""
    loaded = load_export(tmp_path, "hotjar")
    said = {"comment": "Quick, and well packed", "answered_at": at("09:15:02"), "email": NINA}
    assert loaded.rows("crm.surveys", without=("survey_id",)) == [
        said | {"kind": "nps", "score": Decimal(9)},
        said | {"kind": "csat", "score": Decimal(5)},
        {"kind": "nps", "score": Decimal(3), "answered_at": at("10:20:30")},
        {"kind": "csat", "score": Decimal(4), "answered_at": at("12:00:00")},
    ]
    assert len({row["survey_id"] for row in loaded.rows("crm.surveys")}) == 4
    assert loaded.left_out == {"no_score": 1}
    assert loaded.quarantined == [(5, "Date Submitted", "missing_value")]
    assert loaded.nulled == [(6, "NPS")]


METRICA = {"visitor_id": "1700000000123456789", "device": "mobile", "country": "RU"}
FIRST_HIT = METRICA | {
    "event_id": "9007199254740993",
    "occurred_at": at("09:00:00"),
    "event_name": "page_view",
    "page_path": "/lamps",
    "utm_source": "direct",
    "utm_medium": "cpc",
    "utm_campaign": "зима",
}


def test_yandex_metrica_hits(tmp_path):
    """Ids of 64 bits are rounded, Moscow's times taken for UTC, or purchases lost."""
    loaded = load_export(tmp_path, "yandex_metrica_hits")
    assert loaded.rows("shop.web_events") == [
        FIRST_HIT | {"referrer": "https://yandex.ru/"},
        METRICA
        | {
            "event_id": "9007199254740995",
            "occurred_at": at("09:01:00"),
            "event_name": "order_placed",
            "page_path": "/thanks",
            "order_id": "O-9",
        },
    ]
    assert loaded.left_out == {"no_visitor": 1, "not_a_page_view": 1}
    assert loaded.quarantined == [(6, "ym:pv:dateTime", "invalid_value")]


def test_yandex_metrica_visits(tmp_path):
    """A visit's page view gets another id than the hit that it is, and counts twice."""
    loaded = load_export(tmp_path, "yandex_metrica_visits")
    assert loaded.rows("shop.web_events") == [
        FIRST_HIT,
        {
            "event_id": "visit:5000000000000000002",
            "visitor_id": "1700000000123456791",
            "occurred_at": at("10:00:00"),
            "event_name": "page_view",
            "page_path": "/",
            "device": "desktop",
            "country": "KZ",
        },
    ]
    assert loaded.left_out == {"no_visitor": 1, "no_page_view": 1}
    assert loaded.quarantined == [(6, "ym:s:visitID", "missing_value")]


@pytest.mark.parametrize("name", ["export.json", "export.jsonl.gz"])
def test_text_files_may_be_packed(tmp_path, name):
    """An export is refused for the ending that the vendor gives it."""
    source = VENDOR_EXPORTS / "mixpanel" / "export.json"
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(source.read_bytes()))
    else:
        shutil.copyfile(source, path)
    assert load_export(tmp_path, "mixpanel", path).rows("shop.web_events") == MIXPANEL_ROWS
