"""The report's fixture company, with and without content."""

from collections.abc import Iterator

import duckdb
import pytest

from dagster_project.report import render
from tests.unit.report import report_company as company
from tests.unit.report.report_parsed import Element, parse


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


@pytest.fixture(scope="session")
def html(marts) -> str:
    """The page of the filled marts."""
    return render(
        marts,
        quality=company.quality(),
        manifest=company.manifest(),
        ledger=company.ledger(),
    )


@pytest.fixture(scope="session")
def page(html) -> Element:
    """The same, parsed."""
    return parse(html)


@pytest.fixture
def scratch(marts) -> Iterator[duckdb.DuckDBPyConnection]:
    """The filled marts, to be changed: everything is undone after the test."""
    marts.execute("begin")
    yield marts
    marts.execute("rollback")
