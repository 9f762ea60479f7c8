"""The one home of "whose is it": int_owners_resolved, read through the macros of owners.sql."""

import re

from dagster_project.settings import PROJECT_ROOT

READS_OWNERS = re.compile(r"source\('identity',\s*'(?:assignments|identifiers)'\)")
# Each is about the records themselves and asks for no row's owner.
ABOUT_RECORDS = {
    "int_owners_resolved": "the home",
    "customer_identities": "publishes the records",
    "customer_contacts": "reads every record of a person",
    "int_customers_acquired": "dates every record of a person",
    "int_addresses_permitted": "compares addresses in one form",
}
# A choice between owners that is written by hand has an order of its own.
OWN_ORDER = re.compile(r"coalesce\(\s*\w+\.customer_id\s*,\s*\w+\.customer_id")


def test_owners_have_one_home():
    """Two marts give one order, call or answer to two people."""
    models = {
        path.stem: path.read_text() for path in (PROJECT_ROOT / "dbt" / "models").rglob("*.sql")
    }
    readers = {name for name, text in models.items() if READS_OWNERS.search(text)}
    assert readers == set(ABOUT_RECORDS)
    choosing = {name for name, text in models.items() if OWN_ORDER.search(text)}
    assert choosing == {"int_owners_resolved"}
