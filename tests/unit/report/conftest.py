"""The report's fixture company, with and without content."""

from collections.abc import Iterator

import duckdb
import pytest

from dagster_project.report import render
from tests.unit.report import report_company as company


@pytest.fixture
def empty_marts() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        company.create_tables(con)
        yield con


@pytest.fixture(scope="session")
def marts() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        company.create_tables(con)
        company.fill(con)
        yield con


@pytest.fixture
def rendered():
    """Renders a connection's marts with the fixture's records; keywords replace them."""

    def _rendered(con: duckdb.DuckDBPyConnection, **records) -> str:
        return render(
            con,
            **{
                "quality": company.quality(),
                "manifest": company.manifest(),
                "ledger": company.ledger(),
            }
            | records,
        )

    return _rendered
