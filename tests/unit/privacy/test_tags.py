"""The contract's tags drive erasure, access and the record of processing: none may be forgotten."""

import pytest

from dagster_project.contracts import load_contract
from dagster_project.privacy.lineage import record_of_processing
from dagster_project.privacy.references import contract_tables, references_of
from dagster_project.settings import load_settings
from dagster_project.transform.project import cache_dir, prepare_project

# Employees of the company, whose data a request of a customer does not touch.
NO_CUSTOMERS = {"call_center.agents"}
TABLES = contract_tables()
NAMES = [f"{system}.{table.name}" for system, table in TABLES]


@pytest.mark.parametrize(
    ("system", "table"), TABLES, ids=lambda value: getattr(value, "name", value)
)
def test_every_personal_table_says_whose_row_it_is(system, table):
    """A new table of the contract holds people whom no erasure finds."""
    personal = [column.name for column in table.columns if column.personal != "none"]
    if personal and f"{system}.{table.name}" not in NO_CUSTOMERS:
        assert [r for r in references_of(system, table) if not r.is_mention], personal


@pytest.mark.parametrize(
    ("system", "table"), TABLES, ids=lambda value: getattr(value, "name", value)
)
def test_every_personal_key_is_a_reference(system, table):
    """A new column names a person, and their erasure leaves it behind."""
    if f"{system}.{table.name}" in NO_CUSTOMERS:
        return
    known = {r.column for r in references_of(system, table)}
    keys = {
        column.name
        for column in table.columns
        if column.personal != "none"
        and (column.name.endswith(("_id", "_card", "phone", "email")) or column.key)
    }
    assert keys <= known


def test_every_column_has_a_tag():
    """A column comes into the contract, and nobody said whether it is about a person."""
    for system in load_contract().values():
        for table in system.tables.values():
            for column in table.columns:
                assert column.personal in ("direct identifier", "personal", "none")


def test_the_record_of_processing_is_complete(tmp_path):
    """The record that the law asks for lacks a source, its purpose, or a table it goes to."""
    project = prepare_project(cache_dir(load_settings(data_dir=tmp_path)))
    record = {f"{e.system}.{e.table}": e for e in record_of_processing(project.manifest)}
    expected = {
        f"{system}.{table.name}"
        for system, table in TABLES
        if any(column.personal != "none" for column in table.columns)
    }
    assert set(record) == expected
    contacts = record["crm.contacts"]
    assert contacts.columns["email"] == "direct identifier"
    assert "customer_contacts" in contacts.restricted
    assert {"customers", "customer_identities", "audiences"} <= set(contacts.marts)
    assert "cohort_retention" not in contacts.marts
    assert contacts.sums > 0
    assert "hubspot_contacts" in contacts.fed_by
    assert all(entry.purposes and entry.legal_basis for entry in record.values())
    assert all(entry.keep_days is None for entry in record.values())
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "crm.yml").write_text("settings: {keep_days: 365}\n")
    own = record_of_processing(project.manifest, tmp_path)
    assert {entry.system for entry in own if entry.keep_days == 365} == {"crm"}
