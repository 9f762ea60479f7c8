"""The compiled models over an in-memory warehouse, and the warehouse that dbt itself built."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tests.integration.conftest import Project, create_tables, fill
from tests.integration.dbt_core.company import Company


class Warehouse:
    """The compiled models over an in-memory warehouse."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.con = duckdb.connect(config={"threads": 1})
        self.con.execute("SET TimeZone = 'UTC'")
        self.con.execute("ATTACH ':memory:' AS warehouse")
        self.con.execute("USE warehouse")
        create_tables(self.con)
        for name, (schema, path, types) in project.seeds.items():
            listed = ", ".join(f"'{column}': '{kind}'" for column, kind in types.items())
            self.con.execute(
                f"CREATE TABLE {schema}.{name} AS "
                f"SELECT * FROM read_csv('{path}', header = true, types = {{{listed}}})"
            )
        self.inputs = self.con.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() "
            "WHERE database_name = 'warehouse' AND schema_name <> 'seeds'"
        ).fetchall()

    def build(self, company: Company, until: set[str] | None = None) -> None:
        """Build the models on this company; ``until``: only these and what they need."""
        for (table,) in self.inputs:
            self.con.execute(f"DELETE FROM {table}")
        fill(self.con, company)
        self.run_models(until)

    def run_models(self, until: set[str] | None = None) -> None:
        """Build the models on the rows that are there."""
        for name, (schema, sql) in self.project.models.items():
            if until is None or name in until:
                self.con.execute(f"CREATE OR REPLACE TABLE {schema}.{name} AS {sql}")

    def rows(self, query: str) -> list[dict[str, Any]]:
        cursor = self.con.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture(scope="session")
def warehouse(project: Project) -> Iterator[Warehouse]:
    built = Warehouse(project)
    yield built
    built.con.close()


@pytest.fixture(scope="session")
def built(project: Project) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse that dbt itself built, to read."""
    con = duckdb.connect(str(project.warehouse), read_only=True)
    yield con
    con.close()
