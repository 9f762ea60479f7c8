"""The same exports written in another way: encoding, archive, time zone, units, other columns."""

import csv
import gzip
import re
import zipfile
from datetime import datetime

import duckdb
import pytest
import xlsxwriter

from dagster_project.contracts.mapping import MAPPINGS_DIR, read_mapping
from tests.vendor_export import EXPORTS, Deliver, deliverer, expected_tables

SPEND = "marketing.ad_spend"
EVENTS = "shop.web_events"


@pytest.fixture
def deliver(tmp_path) -> Deliver:
    return deliverer(tmp_path / "data")


def test_google_ads_in_utf_16(tmp_path, deliver):
    """Excel's version of the report is refused."""
    text = (EXPORTS / "google_ads" / "campaign_report.csv").read_text()
    path = tmp_path / "campaign_report.csv"
    path.write_bytes(text.encode("utf-16"))
    assert deliver("google_ads", path).tables == expected_tables("google_ads")


def test_meta_ads_reads_any_currency_from_its_header(tmp_path, deliver):
    """Spend in a currency that nobody thought of is spend without one, or none."""
    text = (EXPORTS / "meta_ads" / "campaigns.csv").read_text()
    path = tmp_path / "campaigns.csv"
    path.write_text(text.replace("(EUR)", "(XOF)"))
    found = deliver("meta_ads", path).rows(SPEND)
    assert {row["currency"] for row in found} == {"XOF"}


def test_yandex_direct_in_roubles(tmp_path, deliver):
    """Spend that is not written in millionths is a million times too low."""
    text = (EXPORTS / "yandex_direct" / "report.tsv").read_text()
    path = tmp_path / "report.tsv"
    path.write_text(text.replace("1234567890", "1234.57").replace("50000000", "50.00"))
    assert deliver("yandex_direct", path).tables == expected_tables("yandex_direct")


def test_ga4_as_parquet_gives_the_same_events(tmp_path, deliver):
    """The same day exported as Parquet counts twice, or loses what lies within records."""
    source = EXPORTS / "ga4" / "events_20260110.json"
    lines = [line for line in source.read_text().splitlines() if "yesterday" not in line]
    (tmp_path / "whole.json").write_text("\n".join(lines))
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT * REPLACE (CAST(event_timestamp AS BIGINT) AS event_timestamp) "
            f"FROM read_json('{tmp_path}/whole.json')) TO '{tmp_path}/events_20260110.parquet'"
        )
    found = deliver("ga4", tmp_path / "events_20260110.parquet")
    assert found.tables == expected_tables("ga4")


def test_mixpanel_counts_seconds_in_the_projects_time_zone(tmp_path, deliver, monkeypatch):
    """The visits of an older project are hours off, because its clock is taken for UTC."""
    text = (MAPPINGS_DIR / "mixpanel.yml").read_text()
    (told,) = re.findall(r"#   (timezone\(.+\))", text)
    changed = tmp_path / "mixpanel.yml"
    changed.write_text(re.sub(r"occurred_at: .+", lambda found: f"occurred_at: {told}", text))
    mappings = {"mixpanel": read_mapping(changed)}
    monkeypatch.setattr("tests.vendor_export.load_mappings", lambda: mappings)
    rows = deliver("mixpanel").rows(EVENTS)
    assert {row["occurred_at"][11:13] for row in rows} == {"17"}


def test_amplitude_zip_of_gzipped_files(tmp_path, deliver):
    """What the Export API gives cannot be delivered as it is."""
    source = EXPORTS / "amplitude" / "123456_2026-01-10_9#0.json"
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(f"123456/{source.name}.gz", gzip.compress(source.read_bytes()))
    assert deliver("amplitude", archive).tables == expected_tables("amplitude")


def test_heap_table_of_one_event(tmp_path, deliver):
    """A table that does not say which event it holds is loaded as any event."""
    path = tmp_path / "checkout_started.csv"
    path.write_text("user_id,event_id,time,type\n5551,7006,2026-01-10 09:03:00,click\n")
    found = deliver("heap_events", path)
    assert found.refused == [(None, "event_table_name", "missing_column")]


def test_asterisk_without_the_columns_that_its_settings_add(tmp_path, deliver):
    """Calls are lost where cdr.conf says neither loguniqueid nor newcdrcolumns."""
    lines = (EXPORTS / "asterisk_cdr" / "Master.csv").read_text().splitlines()
    path = tmp_path / "Master.csv"
    path.write_text("".join(f"{line.rsplit(',', 2)[0]}\n" for line in lines))
    found = deliver("asterisk_cdr", path)
    assert found.refused == []
    expected = expected_tables("asterisk_cdr")["call_center.calls"]
    # Without its id a call is known by its channel and start: one per record of a queue.
    calls = {row["call_id"]: row for row in found.rows("call_center.calls")}
    assert len(calls) == len(expected) + 1
    assert {row["customer_phone"] for row in calls.values()} == {
        row["customer_phone"] for row in expected
    }


def test_uci_online_retail_as_the_workbook_that_it_is(tmp_path, deliver):
    """The data set cannot be delivered as it is downloaded."""
    source = EXPORTS / "uci_online_retail" / "online_retail_II.csv"
    header, *rows = csv.reader(source.read_text().splitlines())
    path = tmp_path / "online_retail_II.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Year 2009-2010")
        as_time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.write_row(0, 0, header)
        for place, (invoice, code, name, units, at, price, customer, country) in enumerate(rows, 1):
            cells = [int(invoice), code, name, int(units), None, float(price), float(customer)]
            sheet.write_row(place, 0, [*cells, country])
            sheet.write_datetime(place, 4, datetime.fromisoformat(at), as_time)
    from_text = deliver("uci_online_retail", source).tables
    own = deliverer(tmp_path / "book")
    assert own("uci_online_retail", path).tables == from_text


@pytest.mark.parametrize("name", ["export.jsonl", "export.jsonl.gz"])
def test_text_files_may_be_packed(tmp_path, deliver, name):
    """An export is refused for the ending that the vendor gives it."""
    content = (EXPORTS / "mixpanel" / "export.json").read_bytes()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert deliver("mixpanel", path).tables == expected_tables("mixpanel")


@pytest.mark.parametrize(
    ("mapping", "table", "column"),
    [
        ("hubspot_contacts", "crm.contacts", "created_at"),
        ("asterisk_cdr", "call_center.calls", "started_at"),
    ],
)
def test_local_times_are_those_of_the_installation(deliver, mapping, table, column):
    """Calls and contacts of a company in Moscow are three hours off."""
    found = deliver(mapping, time_zone="Europe/Moscow")
    (first, utc) = (rows[table][0][column] for rows in (found.tables, expected_tables(mapping)))
    assert (int(utc[11:13]) - int(first[11:13])) % 24 == 3


@pytest.mark.parametrize(
    ("mapping", "table", "column"),
    [
        ("salesforce_leads", "crm.contacts", "created_at"),
        ("woocommerce_orders", "shop.orders", "ordered_at"),
        ("shopify_orders", "shop.orders", "ordered_at"),
        ("bitrix24_deals", "crm.deals", "created_at"),
        ("amocrm_leads", "crm.deals", "created_at"),
        ("twilio_calls", "call_center.calls", "started_at"),
        ("mailchimp_members", "crm.consents", "effective_at"),
    ],
)
def test_times_with_an_offset_or_in_utc_stay(deliver, mapping, table, column):
    """Times that the vendor writes in UTC, or with their offset, are moved a second time."""
    found = deliver(mapping, time_zone="Asia/Tokyo").tables[table]
    expected = expected_tables(mapping)[table]
    assert [row[column] for row in found] == [row[column] for row in expected]
