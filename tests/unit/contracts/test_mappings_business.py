"""Mappings of CRMs, shops, call centres and mailings, each on a file in its vendor's format."""

from typing import Any

import pytest

from dagster_project.contracts.mapping import load_mappings
from tests.vendor_export import Deliver, deliverer, expected_tables

# Mapping, records, accepted, left out by rule, and what is refused: (line, column, reason).
EXPORTS: list[tuple[str, int, int, dict[str, int], list[tuple[Any, ...]]]] = [
    ("hubspot_contacts", 3, 2, {}, [(4, "Record ID", "missing_value")]),
    ("hubspot_deals", 4, 3, {"deal_without_contact": 1}, []),
    ("salesforce_contacts", 3, 3, {}, []),
    ("salesforce_leads", 2, 2, {}, []),
    ("salesforce_opportunities", 4, 2, {"opportunity_without_contact": 1, "deleted": 1}, []),
    ("bitrix24_contacts", 2, 2, {}, []),
    ("bitrix24_leads", 1, 1, {}, []),
    ("bitrix24_deals", 5, 3, {"deal_without_person": 1, "recurring_template": 1}, []),
    ("amocrm_contacts", 3, 3, {}, []),
    ("amocrm_leads", 4, 2, {"lead_without_contact": 1, "deleted": 1}, []),
    ("shopify_orders", 9, 6, {"test_order": 2}, [(9, "shop.orders.status", "unknown_word")]),
    ("shopify_customers", 3, 3, {}, []),
    ("shopify_products", 5, 4, {"further_image": 1}, []),
    (
        "woocommerce_orders",
        8,
        5,
        {"trashed": 1, "draft": 1},
        [(36, "shop.orders.status", "unknown_word")],
    ),
    ("woocommerce_customers", 3, 2, {"staff": 1}, []),
    ("woocommerce_products", 4, 2, {"unpublished": 1, "page_of_products": 1}, []),
    ("zendesk_tickets", 5, 3, {"deleted_or_spam": 1, "merged": 1}, []),
    ("zendesk_users", 4, 2, {"suspended": 1, "staff": 1}, []),
    (
        "zendesk_calls",
        6,
        4,
        {"in_progress": 1},
        [(6, "call_center.calls.disposition", "not_accepted")],
    ),
    ("twilio_calls", 9, 6, {"forwarded_leg": 1, "employee_leg": 1, "unfinished": 1}, []),
    ("asterisk_cdr", 10, 7, {"local_leg": 1, "internal_call": 2}, []),
    ("mailchimp_members", 4, 4, {}, []),
    ("mailchimp_email_activity", 5, 4, {"nothing_happened": 1}, []),
    # The lists of people that identity is measured on.
    ("splink_fake_1000", 3, 3, {}, []),
    ("febrl_3", 2, 2, {}, []),
]


@pytest.fixture
def deliver(tmp_path) -> Deliver:
    return deliverer(tmp_path)


@pytest.mark.parametrize(("mapping", "records", "accepted", "left_out", "refused"), EXPORTS)
def test_export_gives_its_rows(deliver, mapping, records, accepted, left_out, refused):
    """A company's export is loaded into other rows than it says, or some of it is lost unsaid."""
    found = deliver(mapping)
    assert found.accounting == (records, accepted, len(refused), left_out)
    assert found.refused == refused
    assert found.tables == expected_tables(mapping)


@pytest.mark.parametrize(("mapping", "left_out"), [(row[0], row[3]) for row in EXPORTS])
def test_every_rule_has_its_example(mapping, left_out):
    """A rule leaves out nothing, or everything, and nobody has seen it do so."""
    assert set(left_out) == set(load_mappings()[mapping].leave_out)


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


def test_shopify_orders_and_products_name_articles_alike():
    """Revenue of articles without a number cannot be told by product."""
    sold = {row["product_id"] for row in expected_tables("shopify_orders")["shop.order_lines"]}
    known = {row["product_id"] for row in expected_tables("shopify_products")["shop.products"]}
    assert sold - known == {"MUG-1"}


def test_mailchimp_names_a_message_alike_in_both_exports():
    """A bounce is counted twice: once by the audience, once by the campaign's report."""
    reported = expected_tables("mailchimp_email_activity")["marketing.messages"]
    bounced = {row["email"]: row["message_id"] for row in reported if row["event"] == "bounced"}
    cleaned = {
        row["email"]: row["message_id"].split("-")[1]
        for row in expected_tables("mailchimp_members")["marketing.messages"]
        if row["event"] == "bounced"
    }
    assert {email: name.split("-")[1] for email, name in bounced.items()} == cleaned
