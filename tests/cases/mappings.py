"""Cases about vendors' exports and what their mappings make of them."""

from datetime import datetime
from decimal import Decimal

from tests.cases import LoadedCase, case

MOSCOW = {"phone_region": "RU"}


@case("amocrm-custom-phone-field")
def _(found: LoadedCase) -> None:
    assert found.query(
        "SELECT contact_id, full_name, first_name, phone FROM crm.contacts ORDER BY 1"
    ) == [
        ("11", "Сидоров Иван Петрович", None, "+74951234567"),
        ("12", "ООО Ромашка", None, None),
        ("13", None, None, "89165551122"),
    ]
    assert found.query("SELECT contact_id, value FROM crm.contact_points") == [
        ("11", "89165551122")
    ]


@case("amocrm-leads-without-contacts")
def _(found: LoadedCase) -> None:
    assert "with=contacts" in found.text
    assert not found.report.is_clean


@case("asterisk-cdr-custom")
def _(found: LoadedCase) -> None:
    assert "landing/asterisk_cdr_custom/" in found.text
    assert not found.report.is_clean


@case("asterisk-cdr-freepbx")
def _(found: LoadedCase) -> None:
    assert "landing/freepbx_cdr/" in found.text
    assert not found.report.is_clean


@case("bitrix-second-phone", **MOSCOW)
def _(found: LoadedCase) -> None:
    assert found.query("SELECT contact_id, kind, value FROM crm.contact_points ORDER BY 2, 3") == [
        ("1", "email", "ivan85@home.test"),
        ("1", "phone", "8 (916) 555-11-22"),
        ("2", "phone", "84951234599"),
    ]


@case("bitrix24-contacts-without-phone")
def _(found: LoadedCase) -> None:
    assert 'select ["*", "PHONE", "EMAIL"]' in found.text


@case("ga4-two-events-one-timestamp")
def _(found: LoadedCase) -> None:
    assert found.query(
        "SELECT page_path, utm_source, utm_medium FROM shop.web_events ORDER BY 1"
    ) == [("/a", "google", "cpc"), ("/b", None, None)]
    assert found.query("SELECT count(DISTINCT event_id) FROM shop.web_events") == [(2,)]


@case("google-ads-without-day")
def _(found: LoadedCase) -> None:
    assert "Add the segment Day" in found.text
    assert not found.report.is_clean


@case("google-forms-direct-download")
def _(found: LoadedCase) -> None:
    assert found.query("SELECT created_at, full_name FROM crm.contacts ORDER BY 1") == [
        (datetime(2026, 6, 1, 11, 50, 36), "Bob Example"),
        (datetime(2026, 6, 1, 18, 50, 36), "Ann Example"),
    ]


@case("hubspot-deals-without-associations")
def _(found: LoadedCase) -> None:
    assert "Associated Contact IDs is missing" in found.text
    assert "Include associated records" in found.text
    assert not found.report.is_clean


@case("hubspot-record-id-contact")
def _(found: LoadedCase) -> None:
    assert found.query("SELECT contact_id, email FROM crm.contacts") == [
        ("501", "anna.k@mail.test")
    ]
    assert found.query("SELECT value FROM crm.contact_points ORDER BY 1") == [
        ("ak@work.test",),
        ("anna2@mail.test",),
    ]


@case("mailchimp-without-euid")
def _(found: LoadedCase) -> None:
    assert found.query("SELECT contact_id = 'mailchimp-' || md5(email) FROM crm.contacts") == [
        (True,)
    ]
    assert found.report.is_clean


@case("meta-ads-french")
def _(found: LoadedCase) -> None:
    assert found.query(
        "SELECT campaign_id, cost, currency, impressions FROM marketing.ad_spend"
    ) == [("Alpha", Decimal("1234.56"), "EUR", 45012)]


@case("meta-ads-period-row")
def _(found: LoadedCase) -> None:
    assert "export with the breakdown By day" in found.text
    assert not found.report.is_clean


@case("meta-ads-unlisted-currency-without-impressions")
def _(found: LoadedCase) -> None:
    assert found.query("SELECT cost, currency FROM marketing.ad_spend") == [
        (Decimal("1234.56"), "PEN")
    ]


@case("mixpanel-own-event-names")
def _(found: LoadedCase) -> None:
    assert "Account Created 1, Complete Purchase 1" in found.text


@case("salesforce-15-and-18")
def _(found: LoadedCase) -> None:
    assert found.query("SELECT DISTINCT contact_id FROM crm.contacts") == [("0035g00000AbCdE",)]


@case("salesforce-contacts-two-phones")
def _(found: LoadedCase) -> None:
    assert found.query("SELECT phone FROM crm.contacts") == [("+12025550101",)]
    assert found.query("SELECT kind, value, label FROM crm.contact_points") == [
        ("phone", "+12025550102", "home")
    ]


@case("shopify-bogus-gateway-display-name")
def _(found: LoadedCase) -> None:
    assert found.query("SELECT count(*) FROM shop.orders") == [(0,)]
    assert [finding.count for finding in found.findings("test_order")] == [2]


@case("shopify-cod-delivered")
def _(found: LoadedCase) -> None:
    assert found.query("SELECT order_id, status FROM shop.orders ORDER BY 1") == [
        ("5001", "shipped"),
        ("5003", "cancelled"),
    ]


@case("shopify-customers-old-layout")
def _(found: LoadedCase) -> None:
    assert found.report.is_clean
    assert found.query("SELECT count(*) FROM shop.accounts WHERE account_id LIKE 'email:%'") > [
        (0,)
    ]


@case("shopify-gift-card-twice")
def _(found: LoadedCase) -> None:
    assert found.query(
        "SELECT order_id, product_id, kind FROM shop.order_lines ORDER BY order_id, line_number"
    ) == [
        ("6001", "MUG", "article"),
        ("6001", "Gift Card", "gift_card"),
        ("6001", "Tip", "article"),
        ("6004", "MUG", "article"),
    ]


@case("shopify-products-shared-sku")
def _(found: LoadedCase) -> None:
    assert found.query("SELECT product_id, stock_on_hand FROM shop.products") == [("B-1", 10)]


@case("twilio-forwarded-nobody-answered")
def _(found: LoadedCase) -> None:
    assert found.query(
        "SELECT call_id, disposition, talk_seconds, customer_phone FROM call_center.calls "
        "ORDER BY call_id"
    ) == [
        ("CA1", "missed", None, "+442079460018"),
        ("CA3", "voicemail", 45, "+442079460018"),
        ("CA4", "missed", None, "+442079460018"),
        ("CA6", "answered", 60, "+442079460018"),
    ]


@case("twilio-iso-times")
def _(found: LoadedCase) -> None:
    assert found.query("SELECT started_at, ended_at FROM call_center.calls") == [
        (datetime(2026, 3, 15, 11, 46, 11), datetime(2026, 3, 15, 11, 46, 33))
    ]


@case("two-shopify-stores-same-order-name")
def _(found: LoadedCase) -> None:
    assert found.query("SELECT order_id, total_amount FROM shop.orders ORDER BY 1") == [
        ("6002", Decimal(45)),
        ("9002", Decimal(145)),
    ]


@case("woocommerce-refund-after-as-of")
def _(found: LoadedCase) -> None:
    assert found.query("SELECT amount, refunded_at FROM shop.refunds") == [
        (Decimal(20), datetime(2025, 3, 1, 10))
    ]


@case("woocommerce-unreadable-date")
def _(found: LoadedCase) -> None:
    assert "The text of date_created_gmt could not be read" in found.text


@case("yandex-metrica-traffic-source")
def _(found: LoadedCase) -> None:
    assert found.query(
        "SELECT visitor_id, utm_source, utm_medium FROM shop.web_events ORDER BY 1"
    ) == [("777", "yandex", "cpc"), ("779", "email", "email"), ("780", "messenger", "social")]
