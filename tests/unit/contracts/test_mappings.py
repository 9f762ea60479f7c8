"""Every shipped mapping, on files in its vendor's documented format, to canonical rows.

The files, the rows that they give and what is refused lie in ``tests/vendor_exports/<mapping>/``.
"""

import os
from collections import defaultdict
from decimal import Decimal

import pytest

from dagster_project.contracts.mapping import MAPPINGS_DIR, load_mappings
from dagster_project.errors import UsageError
from dagster_project.load.dry_run.mapping_trial import check_expressions
from dagster_project.load.landing.discovery import is_named_as
from tests.vendor_export import (
    Deliver,
    deliverer,
    examples,
    expected_outcome,
    expected_tables,
)

MAPPINGS = load_mappings()


@pytest.fixture
def deliver(tmp_path) -> Deliver:
    return deliverer(tmp_path)


@pytest.mark.parametrize("name", MAPPINGS)
def test_export_gives_its_rows(deliver, name):
    """A company's export is loaded into other rows than it says, or some of it is lost unsaid."""
    found = deliver(name)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        found.write_expected(name)
    assert found.outcome == expected_outcome(name)
    assert found.tables == expected_tables(name)


@pytest.mark.parametrize("name", MAPPINGS)
def test_every_rule_and_every_table_has_its_example(name):
    """A rule leaves out nothing, or a table gets no row, and nobody has seen it do so."""
    assert set(expected_outcome(name)["left_out"]) == set(MAPPINGS[name].leave_out)
    assert set(expected_tables(name)) == set(MAPPINGS[name].tables)


@pytest.mark.parametrize("name", MAPPINGS)
def test_mapping_says_what_it_is(name):
    """Nobody can tell whether a mapping is right: its format or a column's meaning is not said."""
    mapping = MAPPINGS[name]
    assert mapping.reference.startswith("https://")
    assert mapping.description.endswith(".")
    assert [column for column, found in mapping.columns.items() if not found.description] == []
    assert [rule for rule, found in mapping.leave_out.items() if not found.description] == []


@pytest.mark.parametrize("name", MAPPINGS)
def test_mapping_fits_the_engine(name):
    """A mapping with a function that no type fits ends the first load of its vendor's files."""
    check_expressions(MAPPINGS[name], MAPPINGS_DIR / f"{name}.yml")


@pytest.mark.parametrize("name", MAPPINGS)
def test_examples_are_named_as_the_vendor_names_them(name):
    """A vendor's files lie in their folder and are not read."""
    assert examples(name)
    assert all(is_named_as(path.name, MAPPINGS[name].files) for path in examples(name))


def test_a_mapping_is_called_like_its_file(tmp_path):
    """A copied mapping takes the place of the one that it was copied from, unsaid."""
    text = (MAPPINGS_DIR / "ga4.yml").read_text()
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "our_ga4.yml").write_text(text)
    with pytest.raises(UsageError, match=r"our_ga4\.yml.*must be our_ga4"):
        load_mappings(tmp_path)


def test_click_ids_decide_in_every_analytics_mapping():
    """Paid visits are direct visits in one tool's export and paid ones in another's."""
    # Events of apps have no addresses.
    without_addresses = {"appsflyer_events", "heap_events"}
    for name, mapping in MAPPINGS.items():
        for table in mapping.tables.get("shop.web_events", ()):
            if name not in without_addresses:
                assert "click_source(" in table.columns["utm_source"], name
                assert "click_medium(" in table.columns["utm_medium"], name


def test_rules_about_events_without_a_word_list_them():
    """A company's own events are left out, and nobody sees which to map."""
    for name, mapping in MAPPINGS.items():
        for rule in ("other_event", "other_action"):
            if rule in mapping.leave_out:
                assert mapping.leave_out[rule].count_by, name


@pytest.mark.parametrize(
    "name", [name for name, found in MAPPINGS.items() if "shop.order_lines" in found.tables]
)
def test_amounts_of_an_order_add_up(name):
    """A discount that the vendor names for the order and again for its lines is shown twice.

    Source: what was charged = goods - discounts of lines - discount of the order + shipping, with
    or without the taxes, as the vendor's prices hold them.
    """
    tables = expected_tables(name)
    goods: dict[str, Decimal] = defaultdict(Decimal)
    for line in tables["shop.order_lines"]:
        product = Decimal(line["quantity"]) * Decimal(line["unit_price"])
        amount = Decimal(line.get("line_amount", product))
        goods[line["order_id"]] += amount - Decimal(line.get("discount_amount", 0))
    for order in tables["shop.orders"]:
        discount, shipping, tax, total = (
            Decimal(order.get(f"{what}_amount", 0))
            for what in ("discount", "shipping", "tax", "total")
        )
        owed = goods[order["order_id"]] - discount + shipping
        assert min(abs(owed - total), abs(owed + tax - total)) < Decimal("0.01"), order["order_id"]


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
