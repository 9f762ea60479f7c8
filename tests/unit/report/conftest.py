"""The report's fixture company, with and without content."""

from collections.abc import Iterator

import duckdb
import pytest

from dagster_project.report import render
from dagster_project.report.earlier_versions import HEADLINE
from tests.unit.report import report_company as company
from tests.unit.report.report_parsed import Element, parse


def joined(files: dict[str, str]) -> str:
    """The English pages one after the other."""
    return "\n".join(text for name, text in files.items() if "/" not in name and name != HEADLINE)


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
        files = render(
            con,
            **{
                "quality": company.quality(),
                "manifest": company.manifest(),
                "ledger": company.ledger(),
                "languages": ("en",),
            }
            | records,
        )
        return joined(files)

    return _rendered


@pytest.fixture(scope="session")
def site(marts) -> dict[str, str]:
    """The pages of the filled marts by path."""
    return render(
        marts,
        quality=company.quality(),
        manifest=company.manifest(),
        ledger=company.ledger(),
    )


@pytest.fixture(scope="session")
def page(site) -> Element:
    """All English pages, parsed; each is an ``html`` element."""
    return parse(joined(site))


@pytest.fixture
def scratch(marts) -> Iterator[duckdb.DuckDBPyConnection]:
    """The filled marts, to be changed: everything is undone after the test."""
    marts.execute("begin")
    yield marts
    marts.execute("rollback")
