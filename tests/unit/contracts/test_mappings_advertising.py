"""Advertising and forms: files in the vendors' documented formats, to canonical rows."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from tests.vendor_files import VENDOR_EXPORTS, load_export

NEW_YEAR, NEXT_DAY = date(2026, 1, 1), date(2026, 1, 2)


def spend(day: date, channel: str, campaign: str, cost: str, currency: str, *counts: int) -> dict:
    names = ("impressions", "clicks")
    return {
        "spend_date": day,
        "channel": channel,
        "campaign_id": campaign,
        "cost": Decimal(cost),
        "currency": currency,
    } | dict(zip(names, counts, strict=False))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_google_ads(tmp_path, encoding):
    """Totals are spent a second time, thousands lost, or devices overwrite each other."""
    text = (VENDOR_EXPORTS / "google_ads" / "campaign_report.csv").read_text()
    path = tmp_path / "campaign_report.csv"
    path.write_bytes(text.encode(encoding))
    loaded = load_export(tmp_path, "google_ads", path)
    assert loaded.rows("marketing.ad_spend") == [
        spend(NEW_YEAR, "google_ads", "111222333", "1300.00", "EUR", 12800, 360),
        spend(NEXT_DAY, "cross_network", "444555666", "0.00", "EUR", 0, 0),
    ]
    assert loaded.rows("marketing.campaigns") == [
        {"campaign_id": "111222333", "name": "Lamps", "channel": "google_ads"},
        {"campaign_id": "444555666", "name": "Shelves", "channel": "cross_network"},
    ]
    assert loaded.left_out == {"totals": 2}
    assert loaded.quarantined == [(7, "Cost", "invalid_value")]


def test_meta_ads(tmp_path):
    """The total is spent again, a fortnight on one day, or dollars are taken for euros."""
    loaded = load_export(tmp_path, "meta_ads")
    winter, autumn = "120200000000000001", "120200000000000009"
    assert loaded.rows("marketing.ad_spend") == [
        spend(date(2026, 1, 3), "meta_ads", autumn, "12.34", "USD", 456, 5),
        spend(NEW_YEAR, "meta_ads", winter, "50.30", "EUR", 5000, 61),
        spend(NEXT_DAY, "meta_ads", winter, "7.50", "EUR", 1100, 9),
    ]
    assert loaded.rows("marketing.campaigns") == [
        {"campaign_id": autumn, "name": "Autumn", "channel": "meta_ads"},
        {"campaign_id": winter, "name": "Winter", "channel": "meta_ads"},
    ]
    assert loaded.left_out == {"totals": 1, "nothing_spent": 1}
    assert loaded.quarantined == [(6, "marketing.ad_spend.spend_date", "missing_value")]


def test_meta_ads_currency_that_is_not_listed(tmp_path):
    """Spend in a currency that the mapping does not know is taken for nothing."""
    text = (VENDOR_EXPORTS / "meta_ads" / "campaigns.csv").read_text()
    path = tmp_path / "campaigns.csv"
    path.write_text(text.replace("(EUR)", "(XOF)"))
    loaded = load_export(tmp_path, "meta_ads", path)
    assert loaded.rows("marketing.ad_spend") == []
    assert loaded.quarantined[0] == (3, "marketing.ad_spend.cost", "missing_value")


@pytest.mark.parametrize("in_micros", [True, False])
def test_yandex_direct(tmp_path, in_micros):
    """Spend is a million times too high or low, or the line that counts the rows is a record."""
    text = (VENDOR_EXPORTS / "yandex_direct" / "report.tsv").read_text()
    if not in_micros:
        text = text.replace("1234567890", "1234.57").replace("50000000", "50.00")
    path = tmp_path / "report.tsv"
    path.write_text(text)
    loaded = load_export(tmp_path, "yandex_direct", path)
    assert loaded.rows("marketing.ad_spend") == [
        spend(NEW_YEAR, "yandex_direct", "70001", "1234.57", "RUB", 1200, 34),
        spend(NEW_YEAR, "display", "70002", "50.00", "RUB", 9000, 3),
        spend(NEXT_DAY, "yandex_direct", "70001", "0.00", "RUB", 100),
    ]
    assert loaded.rows("marketing.campaigns") == [
        {"campaign_id": "70001", "name": "Лампы", "channel": "yandex_direct"},
        {"campaign_id": "70002", "name": "Баннеры", "channel": "display"},
    ]
    assert loaded.records == 4
    assert loaded.quarantined == [(6, None, "no_table")]


def test_google_forms(tmp_path):
    """A form's respondents are lost, or January 31 becomes an unknown day."""
    loaded = load_export(tmp_path, "google_forms")
    nina = {"email": "Nina.Vogel@example.org", "phone": "+49 30 123456"}
    written = {name: datetime(2026, 1, 31, 14, 3, 22) for name in ("created_at", "updated_at")}
    later = {name: datetime(2026, 2, 1, 9) for name in ("created_at", "updated_at")}
    assert loaded.rows("crm.contacts", without=("contact_id",)) == [
        nina
        | written
        | {"first_name": "Nina Maria", "last_name": "Vogel", "lead_source": "google_forms"},
        {"phone": "8 (900) 000-00-01", "first_name": "Igor", "lead_source": "google_forms"} | later,
    ]
    assert loaded.rows("crm.surveys", without=("survey_id",)) == [
        nina
        | {
            "kind": "nps",
            "score": Decimal(9),
            "comment": "Quick, and well packed",
            "answered_at": datetime(2026, 1, 31, 14, 3, 22),
        },
        {"kind": "nps", "score": Decimal(10), "answered_at": datetime(2026, 2, 1, 9, 5)},
    ]
    assert loaded.left_out == {"nothing_to_load": 1}
    assert loaded.quarantined == [(6, "Timestamp", "missing_value")]
    ids = {row["contact_id"] for row in loaded.rows("crm.contacts")}
    assert len(ids) == 2
