"""Layouts and states that the vendors document beside those of the examples."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.vendor_export import EXPORTS, Deliver, deliverer, expected_tables


@pytest.fixture
def deliver(tmp_path) -> Deliver:
    return deliverer(tmp_path / "data")


def written(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def as_csv(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def statuses(rows: list[dict[str, str]]) -> dict[str, str]:
    return {row["order_id"]: row["status"] for row in rows}


def square_order(number: str, amount: int, due: int, currency: str = "EUR") -> dict[str, Any]:
    money = {"amount": amount, "currency": currency}
    return {
        "id": number,
        "state": "OPEN",
        "created_at": "2026-01-10T09:00:00Z",
        "total_money": money,
        "net_amount_due_money": {"amount": due, "currency": currency},
        "line_items": [{"uid": "u", "name": "Tea", "quantity": "1", "base_price_money": money}],
    }


def test_square_orders_that_are_paid_and_not_handed_over(tmp_path, deliver):
    """An online shop on Square sells nothing until it ships, and in Japan a hundredth of it."""
    orders = [
        square_order("paid", 1250, 0),
        square_order("due", 1250, 1250),
        square_order("yen", 1250, 0, "JPY"),
    ]
    found = deliver("square_orders", written(tmp_path, "orders.json", {"orders": orders}))
    rows = found.rows("shop.orders")
    assert statuses(rows) == {"paid": "paid", "due": "pending", "yen": "paid"}
    assert {row["order_id"]: row["total_amount"] for row in rows} == {
        "paid": "12.50",
        "due": "12.50",
        "yen": "1250.00",
    }
    prices = {row["order_id"]: row["unit_price"] for row in found.rows("shop.order_lines")}
    assert prices["yen"] == "1250.000000"


def test_retailcrm_orders_that_are_paid_and_not_sent(tmp_path, deliver):
    """Prepaid orders are no sales, and goods in a box count as sent."""
    states = [("1", "prepayed", None), ("2", "new", "2026-01-11 10:00:00"), ("3", "new", None)]
    states += [("4", "assembling-complete", None), ("5", "delivering", None)]
    orders = [
        {
            "id": number,
            "status": state,
            "fullPaidAt": paid,
            "createdAt": "2026-01-10 10:00:00",
            "totalSumm": 500,
            "items": [],
        }
        for number, state, paid in states
    ]
    found = deliver("retailcrm_orders", written(tmp_path, "orders.json", {"orders": orders}))
    assert statuses(found.rows("shop.orders")) == {
        "1": "paid",
        "2": "paid",
        "3": "pending",
        "4": "pending",
        "5": "shipped",
    }


def test_magento_refunds_are_dated_by_their_credit_memo(tmp_path, deliver):
    """A note on an old order moves its refund into this month."""
    order = {
        "entity_id": 1,
        "increment_id": "1",
        "state": "complete",
        "created_at": "2026-01-10 09:00:00",
        "updated_at": "2026-05-01 09:00:00",
        "grand_total": 10,
        "total_refunded": 4,
        "status_histories": [
            {"entity_name": "creditmemo", "created_at": "2026-01-20 08:00:00"},
            {"entity_name": "invoice", "created_at": "2026-01-10 09:01:00"},
        ],
        "items": [{"item_id": 1, "sku": "A", "qty_ordered": 1, "price": 10}],
    }
    bare = {**order, "increment_id": "2", "status_histories": []}
    found = deliver("magento_orders", written(tmp_path, "orders.json", {"items": [order, bare]}))
    assert [row["refunded_at"] for row in found.rows("shop.refunds")] == [
        "2026-01-20 08:00:00",
        "2026-01-10 09:00:00",
    ]


def test_pipedrive_api_v2(tmp_path, deliver):
    """The answers of Pipedrive's current API are refused, or give people without addresses."""
    person = {
        "id": 7,
        "first_name": "Nina",
        "last_name": "Vogel",
        "owner_id": 3,
        "is_deleted": False,
        "add_time": "2026-01-10T09:00:00Z",
        "update_time": "2026-01-11T09:00:00Z",
        "emails": [
            {"value": "n@x.test", "primary": False, "label": "home"},
            {"value": "nina@x.test", "primary": True, "label": "work"},
        ],
        "phones": [{"value": "+4930123456", "primary": True, "label": "mobile"}],
    }
    persons = deliver("pipedrive_persons", written(tmp_path, "p.json", {"data": [person]}))
    (contact,) = persons.rows("crm.contacts")
    assert (contact["email"], contact["phone"], contact["owner_id"], contact["is_deleted"]) == (
        "nina@x.test",
        "+4930123456",
        "3",
        "false",
    )
    assert len(persons.rows("crm.contact_points")) == 3


def test_pipedrive_deals_of_api_v2(tmp_path, deliver):
    """Every deal of the current API is one with nobody."""
    deal = {
        "id": 9,
        "person_id": 7,
        "owner_id": 3,
        "status": "won",
        "value": 10,
        "currency": "EUR",
        "add_time": "2026-01-10T09:00:00Z",
        "won_time": "2026-01-12T09:00:00Z",
        "is_deleted": False,
    }
    gone = {**deal, "id": 10, "is_deleted": True}
    found = deliver("pipedrive_deals", written(tmp_path, "d.json", {"data": [deal, gone]}))
    (row,) = found.rows("crm.deals")
    assert (row["contact_id"], row["owner_id"], row["is_won"]) == ("pipedrive-7", "3", "true")


def test_hubspot_by_internal_names(tmp_path, deliver):
    """An export with internal names of the properties gives people without names and addresses."""
    names = {
        "Record ID": "hs_object_id",
        "First Name": "firstname",
        "Last Name": "lastname",
        "Email": "email",
        "Phone Number": "phone",
        "Mobile Phone Number": "mobilephone",
        "Contact owner": "hubspot_owner_id",
        "Lifecycle Stage": "lifecyclestage",
        "Create Date": "createdate",
        "Last Modified Date": "lastmodifieddate",
        "Unsubscribed from all email": "hs_email_optout",
        "Original Traffic Source": "hs_analytics_source",
        "City": "city",
        "State/Region": "state",
        "Postal Code": "zip",
        "Country/Region": "country",
        "Date of birth": "date_of_birth",
    }
    (source,) = (EXPORTS / "hubspot_contacts").glob("*.csv")
    rows = list(csv.DictReader(io.StringIO(source.read_text())))
    text = as_csv([{names.get(key, key): value for key, value in row.items()} for row in rows])
    found = deliver("hubspot_contacts", written(tmp_path, "contacts-2026-02-01.csv", text))
    assert found.tables == expected_tables("hubspot_contacts")


def test_hubspot_deals_without_the_columns_of_their_state(tmp_path, deliver):
    """Every deal is open for ever, because the export lacks two columns."""
    (source,) = (EXPORTS / "hubspot_deals").glob("*.csv")
    rows = list(csv.DictReader(io.StringIO(source.read_text())))
    for row in rows:
        del row["Is Deal Closed?"], row["Is Closed Won"]
    found = deliver("hubspot_deals", written(tmp_path, "deals.csv", as_csv(rows)))
    won = {row["deal_id"]: row.get("is_won") for row in found.rows("crm.deals")}
    assert (won["9001"], won["9002"]) == ("true", "false")


def test_google_ads_in_german(tmp_path, deliver):
    """A report in the language of its user is refused, or its totals count as a day."""
    text = (
        "Kampagnenbericht\n1.–2. Januar 2026\n"
        "Tag,Kampagne,Kampagnen-ID,Währungscode,Kosten,Impr.,Klicks\n"
        '01.01.2026,Lampen,111,EUR,"1234,56",12000,340\n'
        '02.01.2026,Lampen,111,EUR,"65,44",800,20\n'
        'Gesamt: Konto,--,--,EUR,"1300,00",12800,360\n'
    )
    found = deliver("google_ads", written(tmp_path, "bericht.csv", text))
    assert [(row["spend_date"], row["cost"]) for row in found.rows("marketing.ad_spend")] == [
        ("2026-01-01", "1234.56"),
        ("2026-01-02", "65.44"),
    ]
    assert found.refused == []


def ga4_event(number: int, traffic: dict[str, str], **params: str) -> dict[str, Any]:
    return {
        "event_name": "page_view",
        "event_timestamp": 1767225600000000 + number,
        "user_pseudo_id": "u",
        "collected_traffic_source": traffic,
        "event_params": [
            {"key": key, "value": {"string_value": value}} for key, value in params.items()
        ],
    }


def test_ga4_clicks_on_advertisements_that_google_calls_organic(tmp_path, deliver):
    """Paid visits are organic ones, because Google's own event says so beside the click id."""
    events = [
        ga4_event(1, {"gclid": "x"}, source="google", medium="organic"),
        ga4_event(
            2, {}, source="google", medium="organic", page_location="https://s.test/?gclid=x"
        ),
        ga4_event(3, {"dclid": "x"}, source="google", medium="organic"),
        ga4_event(4, {}, source="google", medium="organic", page_location="https://s.test/"),
        ga4_event(5, {"manual_source": "letter", "manual_medium": "email", "gclid": "x"}),
    ]
    text = "\n".join(map(json.dumps, events))
    found = deliver("ga4", written(tmp_path, "events.json", text)).rows("shop.web_events")
    found.sort(key=lambda row: row["occurred_at"])
    assert [(row["utm_source"], row["utm_medium"]) for row in found] == [
        ("google", "cpc"),
        ("google", "cpc"),
        ("google", "display"),
        ("google", "organic"),
        ("letter", "email"),
    ]


def test_appsflyer_media_of_ones_own(tmp_path, deliver):
    """An e-mail to one's own customers is bought traffic."""
    sources = ["Email_winter", "User_invite", "Facebook Ads", "googleadwords_int", "organic", ""]
    lines = [
        f"2026-01-10 09:0{number}:00,install,id-{number},{source}"
        for number, source in enumerate(sources)
    ]
    text = "\n".join(["Event Time,Event Name,AppsFlyer ID,Media Source", *lines])
    found = deliver("appsflyer_events", written(tmp_path, "e.csv", text)).rows("shop.web_events")
    found.sort(key=lambda row: row["occurred_at"])
    assert [row.get("utm_medium") for row in found] == [
        "email",
        "referral",
        "paid_social",
        "cpc",
        None,
        None,
    ]


def test_yandex_metrica_hits_say_where_the_visit_came_from(tmp_path, deliver):
    """Everything that bears no tag is a direct visit in the log of events."""
    cases = [
        ("ad", "ya_direct", "", ""),
        ("organic", "", "google", ""),
        ("social", "", "", "vkontakte"),
        ("direct", "", "", ""),
    ]
    names = ["watchID", "clientID", "dateTime", "URL", "lastTrafficSource", "lastAdvEngine"]
    names += ["lastSearchEngineRoot", "lastSocialNetwork", "GCLID"]
    lines = ["\t".join(f"ym:pv:{name}" for name in names)]
    lines += [
        "\t".join([f"{n}", "77", f"2026-01-10 12:00:0{n}", "https://s.test/a", *case, ""])
        for n, case in enumerate(cases)
    ]
    lines.append("\t".join(["9", "77", "2026-01-10 12:00:09", "https://s.test/", *[""] * 4, "g1"]))
    path = written(tmp_path, "hits.tsv", "\n".join(lines) + "\n")
    found = deliver("yandex_metrica_hits", path).rows("shop.web_events")
    found.sort(key=lambda row: row["event_id"])
    assert [(row.get("utm_source"), row.get("utm_medium")) for row in found] == [
        ("yandex", "cpc"),
        ("google", "organic"),
        ("vkontakte", "social"),
        (None, None),
        ("google", "cpc"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "Gift Card - $50",
        "eGift Card",
        "Tarjeta de regalo",
        "Carta regalo 20",
        "Cadeaubon",
        "Gutschein",
    ],
)
def test_shopify_gift_cards_by_their_names(tmp_path, deliver, name):
    """A gift card counts as a sale and its spending as another, in every language but English."""
    text = (
        "Name,Id,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,"
        f"Lineitem price\n#1,71,paid,EUR,50.00,2026-01-10 10:00:00 +0100,1,{name},50.00\n"
    )
    found = deliver("shopify_orders", written(tmp_path, "orders.csv", text))
    assert [row["kind"] for row in found.rows("shop.order_lines")] == ["gift_card"]
