"""Companies of a few records, resolved in memory."""

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from dagster_project.identity import create_identity_tables, resolve
from dagster_project.settings import Settings
from tests.bench.people import collect_values

COLUMNS = {
    "source_system": "VARCHAR",
    "source_table": "VARCHAR",
    "source_id": "VARCHAR",
    "seen_at": "TIMESTAMP",
    "updated_at": "TIMESTAMP",
    "is_customer_evidence": "BOOLEAN",
    "is_deleted": "BOOLEAN",
    **dict.fromkeys(
        (
            "email",
            "phone",
            "loyalty_card",
            "national_id",
            "further_emails",
            "further_phones",
            "full_name",
            "first_name",
            "middle_name",
            "last_name",
        ),
        "VARCHAR",
    ),
    "birth_date": "DATE",
    **dict.fromkeys(
        (
            "gender",
            "street_address",
            "city",
            "region",
            "postal_code",
            "country",
            "company",
            "account_id",
            "contact_id",
            "visitor_id",
        ),
        "VARCHAR",
    ),
}
SYSTEMS = {
    "contacts": "crm",
    "accounts": "shop",
    "orders": "shop",
    "calls": "call_center",
    "tickets": "call_center",
}


class Company:
    """Records by table and key; ``people()`` resolves them and gives the partition."""

    def __init__(self) -> None:
        self.con = duckdb.connect()
        self.con.execute("CREATE SCHEMA intermediate")
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        self.con.execute(f"CREATE TABLE intermediate.int_identity_records ({columns})")
        self.con.execute(
            "CREATE TABLE intermediate.int_identity_values "
            "(identifier_kind VARCHAR, raw_value VARCHAR)"
        )
        self.con.execute(
            "CREATE TABLE intermediate.int_identity_visitors (visitor_id VARCHAR, "
            "reference_system VARCHAR, reference_table VARCHAR, reference_id VARCHAR, "
            "first_seen_at TIMESTAMP)"
        )
        create_identity_tables(self.con)
        self.records: dict[str, dict[str, Any]] = {}
        self.folder = tempfile.TemporaryDirectory()
        self.settings = Settings(data_dir=Path(self.folder.name))

    def add(self, table: str, key: str, **values: Any) -> None:
        self.records[f"{table}:{key}"] = {
            "source_system": SYSTEMS[table],
            "source_table": table,
            "source_id": key,
            "seen_at": values.pop("seen_at", "2025-01-01"),
            "is_customer_evidence": True,
            "is_deleted": False,
            **values,
        }

    def remove(self, table: str, key: str) -> None:
        del self.records[f"{table}:{key}"]

    def visit(self, visitor: str, account: str) -> None:
        self.con.execute(
            "INSERT INTO intermediate.int_identity_visitors "
            "VALUES (?, 'shop', 'accounts', ?, NULL)",
            [visitor, account],
        )

    def deliver(self) -> None:
        self.con.execute("DELETE FROM intermediate.int_identity_records")
        # All at once, as text that DuckDB casts: a statement for each costs more than resolving.
        given = pa.table(
            {
                name: pa.array(
                    [
                        None if record.get(name) is None else str(record[name])
                        for record in self.records.values()
                    ],
                    pa.string(),
                )
                for name in COLUMNS
            }
        )
        self.con.register("given", given)
        casts = ", ".join(f"CAST({name} AS {kind})" for name, kind in COLUMNS.items())
        self.con.execute(f"INSERT INTO intermediate.int_identity_records SELECT {casts} FROM given")
        self.con.unregister("given")
        collect_values(self.con)

    def ids(self) -> dict[str, str]:
        """Resolve; customer id per 'table:key'."""
        self.deliver()
        resolve(self.con, self.settings, run_id="test")
        return dict(
            self.con.execute(
                "SELECT source_table || ':' || source_id, customer_id FROM identity.assignments"
            ).fetchall()
        )

    def people(self) -> set[frozenset[str]]:
        groups: dict[str, set[str]] = defaultdict(set)
        for key, customer in self.ids().items():
            groups[customer].add(key)
        return {frozenset(group) for group in groups.values()}


@pytest.fixture
def company() -> Company:
    return Company()


@pytest.fixture
def new_company() -> type[Company]:
    """For tests that need several."""
    return Company
