"""Access: a person is given all that is held about them, and nothing of anybody else."""

import json

import duckdb
import pytest

from dagster_project.errors import UsageError
from dagster_project.privacy.access import export_person
from tests.unit.privacy.conftest import ALICE, BOB


def test_a_person_is_given_everything_and_nobody_else(company):
    """An answer to somebody leaves a source out, or tells them of another person."""
    with duckdb.connect(str(company.settings.warehouse_path)) as con:
        con.execute("CREATE SCHEMA marts")
        con.execute(
            "CREATE TABLE marts.customers AS SELECT unnest($1) AS customer_id, 3 AS order_count",
            [[ALICE[-1], BOB[-1]]],
        )
        con.execute("CREATE TABLE marts.order_lines AS SELECT 'O-000001' AS order_id, 'P-1' AS p")
    done = export_person(company.settings, "alice@example.com")
    content = json.loads((done.folder / "person.json").read_text())
    assert {table: len(rows) for table, rows in content["records"].items()} == {
        "crm.contacts": 2,
        "crm.consents": 1,
        "shop.accounts": 1,
        "shop.orders": 2,
        "shop.order_lines": 2,
        "shop.web_events": 1,
        "call_center.calls": 1,
        "call_center.tickets": 1,
    }
    newest = content["records"]["crm.contacts"][-1]
    assert newest["source_file"].startswith("crm/contacts_2025")
    assert newest["source_line"] >= 2
    assert content["consents"][0]["status"] == "granted"
    assert content["derived"]["customers"] == [{"customer_id": ALICE[-1], "order_count": 3}]
    assert content["derived"]["order_lines"] == [{"order_id": "O-000001", "p": "P-1"}]
    assert content["purposes"]["sources"]["shop"]["purposes"]
    for name in ("person.json", "person.html"):
        path = done.folder / name
        text = path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
        assert "Alice.Old@Example.com" in text
        for other in BOB:
            assert other not in text, (name, other)


def test_who_is_meant_must_be_clear(company):
    """Somebody who knows a family's telephone is given the data of all who share it."""
    with pytest.raises(UsageError, match="2 people"):
        export_person(company.settings, "+442079460111")
    with pytest.raises(UsageError, match="Nobody is known"):
        export_person(company.settings, "nobody@example.com")
