"""What every section is given: the marts, the day, the money, and the records of the run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.report import formats
from dagster_project.report.formats import Money

Row = dict[str, Any]

# Months in a chart: two years and the months they are compared with fit a page.
CHART_MONTHS = 25


@dataclass(frozen=True)
class Context:
    """One version: its marts (read only), and what is known about how it came to be.

    ``sources`` are the tables of the source contract that hold any record, as ``crm.contacts``.
    """

    con: duckdb.DuckDBPyConnection
    as_of: date
    money: Money
    sources: frozenset[str]
    quality: Mapping[str, Any]
    manifest: Mapping[str, Any]
    ledger: Mapping[str, Any]

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """The result of ``sql`` as dictionaries. Raises HourglassError when the marts differ from
        what the page was written for.
        """
        try:
            cursor = self.con.execute(sql, dict(parameters) if parameters else None)
        except (duckdb.CatalogException, duckdb.BinderException):
            raise HourglassError(
                "The report asks for a mart or column that this version does not have. The marts "
                "and the report must come from the same release: run the daily job again."
            ) from None
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    def row(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Row:
        """The only row of an aggregate."""
        return self.rows(sql, parameters)[0]

    def has(self, mart: str) -> bool:
        """Whether the mart holds any row."""
        return bool(self.rows(f'select 1 as one from "{mart}" limit 1'))

    def absent(self, things: str, *tables: str) -> str:
        """Why there are no ``things``: none of ``tables`` was delivered, or nothing in them."""
        delivered = [table for table in tables if table in self.sources]
        if not delivered:
            verb = "was" if len(tables) == 1 else "were"
            return f"No {things}: {formats.listing(tables)} {verb} not delivered."
        day = formats.day(self.as_of)
        return f"No {things} up to {day}, although {formats.listing(delivered)} came."

    @property
    def last_complete_month(self) -> date:
        """First day of the newest month whose last day is not after ``as_of``."""
        next_day = self.as_of + timedelta(days=1)
        return add_months(next_day.replace(day=1), -1)


def add_months(month: date, number: int) -> date:
    """The first day of the month ``number`` months after ``month`` (itself a first day)."""
    index = month.year * 12 + month.month - 1 + number
    return date(index // 12, index % 12 + 1, 1)


def month_range(first: date, last: date) -> list[date]:
    """All first days from ``first`` to ``last``, both included; empty when they are reversed."""
    months = []
    while first <= last:
        months.append(first)
        first = add_months(first, 1)
    return months
