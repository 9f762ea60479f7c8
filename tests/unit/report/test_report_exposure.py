"""The marts that the page reads are those that its exposure declares."""

from typing import Any

import duckdb
import sqlglot
import yaml
from sqlglot import exp

from dagster_project.settings import PROJECT_ROOT


class Recorded:
    """A connection that keeps the names of the tables that its queries read."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self.read: set[str] = set()

    def execute(self, sql: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        for statement in sqlglot.parse(sql, dialect="duckdb"):
            own = {cte.alias_or_name for cte in statement.find_all(exp.CTE)}
            tables = [t for t in statement.find_all(exp.Table) if not t.db]
            self.read.update(t.name for t in tables if t.name not in own)
        return self._con.execute(sql, parameters)


def test_the_page_reads_the_marts_that_its_exposure_names(marts, rendered):
    """Who changes a mart is not told that the report reads it, or asks a report that does not."""
    con = Recorded(marts)
    rendered(con)
    exposures = yaml.safe_load((PROJECT_ROOT / "dbt/models/exposures.yml").read_text())
    (report,) = (e for e in exposures["exposures"] if e["name"] == "report")
    assert {f"ref('{name}')" for name in con.read} == set(report["depends_on"])
