"""When these fail, dbt's exposures name marts that the report does not read, or miss some."""

import json
import re

import duckdb
import pytest

from dagster_project.report.page import context_of
from dagster_project.report.sections import SECTIONS
from tests.unit.report import report_company as company


def _tables(con: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    """Tables that a statement reads, by DuckDB's own parser; aliases of WITH are none."""
    (text,) = con.execute("select json_serialize_sql(?)", [sql]).fetchone()
    tree = json.loads(text)
    assert not tree["error"], tree
    found: set[str] = set()
    local: set[str] = set()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if node.get("type") == "BASE_TABLE" and not node.get("schema_name"):
                found.add(node["table_name"])
            if "cte_map" in node:
                local.update(entry["key"] for entry in node["cte_map"]["map"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(tree)
    return found - local


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.__name__.rpartition(".")[2])
def test_a_section_declares_exactly_the_marts_that_it_reads(scratch, section, monkeypatch):
    """An exposure would say that a page stands on a mart that it never opens, or hide one."""
    asked: list[str] = []
    context = context_of(
        scratch, quality=company.quality(), manifest=company.manifest(), ledger=company.ledger()
    )
    original = type(context).rows

    def rows(self, sql, parameters=None):
        asked.append(sql)
        return original(self, sql, parameters)

    monkeypatch.setattr(type(context), "rows", rows)
    section.build(context)
    # What is asked only where something is absent.
    scratch.execute("update customer_segments set persona_label = null")
    section.build(context)
    read = set().union(*(_tables(scratch, re.sub(r"\$\w+", "1", sql)) for sql in asked), set())
    assert tuple(sorted(read)) == section.MARTS
