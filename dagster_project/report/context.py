"""Report context: the marts of one version, the day, the money, and the records of the run."""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.publish.descriptions import descriptions_in
from dagster_project.publish.reading import marts_in
from dagster_project.quality.fingerprint import columns_of
from dagster_project.report import formats
from dagster_project.report.blocks import Source
from dagster_project.report.formats import Money
from dagster_project.report.language import nt, t
from dagster_project.warehouse import connect_file, identifier

Row = dict[str, Any]

# Months in a chart: two years and the months they are compared with fit a page.
CHART_MONTHS = 25


@dataclass(frozen=True)
class Kept:
    """The headline numbers of a version that is kept beside this one, as its report wrote them."""

    version: str
    as_of: date
    published_at: str
    headline: Mapping[str, Any]


@dataclass(frozen=True)
class Context:
    """One version: its marts (read only), and what is known about how it came to be.

    ``sources`` are the tables of the source contract that hold any record, as ``crm.contacts``;
    ``kept`` are older versions to compare with, newest first.
    """

    con: duckdb.DuckDBPyConnection
    as_of: date
    money: Money
    sources: frozenset[str]
    time_zone: str
    quality: Mapping[str, Any]
    manifest: Mapping[str, Any]
    ledger: Mapping[str, Any]
    kept: tuple[Kept, ...] = ()

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """The result of ``sql`` as dictionaries. Raises HourglassError when the marts differ from
        what the page was written for.
        """
        key = f"{sql}\0{sorted((parameters or {}).items())}"
        if key not in self._answers:
            self._answers[key] = self._ask(sql, parameters)
        return self._answers[key]

    def _ask(self, sql: str, parameters: Mapping[str, Any] | None) -> list[Row]:
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

    def known(self, *marts: str) -> bool:
        """Whether this version has all of these marts; an older one may lack some."""
        return all(mart in self._definitions for mart in marts)

    def absent(self, message: str, *tables: str) -> str:
        """Why there is nothing: ``message``, and whether any of ``tables`` was delivered."""
        delivered = [table for table in tables if table in self.sources]
        if not delivered:
            reason = nt("{tables} was not delivered.", "{tables} were not delivered.", len(tables))
            return f"{message}: {reason.format(tables=formats.listing(tables))}"
        reason = t("{tables} came, but nothing of them up to {day}.")
        day = formats.day(self.as_of)
        return f"{message}: {reason.format(tables=formats.listing(delivered), day=day)}"

    def source(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        first: date | None = None,
        last: date | None = None,
        months: Sequence[date] = (),
    ) -> Source:
        """What a table made of ``sql`` stands on; ``first`` and ``last`` (or ``months``, ascending)
        bound its period, which is otherwise all time up to ``as_of``.
        """
        if months:
            first, last = months[0], months[-1]
        runnable = _runnable(sql, parameters or {})
        marts = sorted(self._empty_marts.get_table_names(runnable))
        facts = self.manifest.get("marts", {})
        views = (
            f"create or replace temp view {mart} as from 'parquet/{mart}.parquet';\n"
            for mart in marts
            if facts.get(mart, {}).get("is_parquet_only")
        )
        if first and last:
            span = t("{low} to {high}") if first < last else "{low}"
            period = span.format(low=formats.month_name(first), high=formats.month_name(last))
        else:
            period = t("all time up to {day}").format(day=formats.day(self.as_of))
        return Source(
            tuple((mart, self._definitions.get(mart, ""), self.count(mart)) for mart in marts),
            period,
            "".join(views) + runnable,
        )

    def count(self, mart: str) -> int:
        """Rows of a mart."""
        if mart not in self._counts:
            self._counts[mart] = self.row(f'select count(*) as n from "{mart}"')["n"]
        return self._counts[mart]

    @cached_property
    def _definitions(self) -> dict[str, str]:
        """The comment of every mart, which is dbt's description of it."""
        said = descriptions_in(self.con)
        return {mart: said.get(mart, {}).get(None, "") for mart in marts_in(self.con)}

    @cached_property
    def _empty_marts(self) -> duckdb.DuckDBPyConnection:
        """Tables of the marts' names and columns: DuckDB says of a view what it reads instead."""
        con = connect_file(":memory:")
        for mart in marts_in(self.con):
            columns = columns_of(self.con, "main", mart).items()
            listed = ", ".join(f"{identifier(name)} {kind}" for name, kind in columns)
            con.execute(f"CREATE TABLE {identifier(mart)} ({listed})")
        return con

    @cached_property
    def _counts(self) -> dict[str, int]:
        return {}

    @cached_property
    def _answers(self) -> dict[str, list[Row]]:
        return {}

    @property
    def last_complete_month(self) -> date:
        """First day of the newest month whose last day is not after ``as_of``."""
        next_day = self.as_of + timedelta(days=1)
        return add_months(next_day.replace(day=1), -1)


def _runnable(sql: str, parameters: Mapping[str, Any]) -> str:
    """``sql`` with its parameters written out, as a person pastes it into a shell."""
    for name, value in parameters.items():
        literal = str(value) if isinstance(value, int | float) else "'" + str(value) + "'"
        if isinstance(value, date):
            literal = f"date '{value.isoformat()}'"
        sql = re.sub(rf"\${name}\b", lambda _, literal=literal: literal, sql)
    return inspect.cleandoc(sql) + ";"


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
