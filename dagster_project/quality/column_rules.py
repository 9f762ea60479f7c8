"""Column rules: what one dbt test proves of one model's columns, and the rows that break a rule.

The rules stand beside the model in its YAML file, as arguments of the test ``column_rules`` (see
dbt/macros/tests/column_rules.sql, which counts). Here they are read from dbt's manifest, so that
the gate knows which must report, and turned into the SELECT of the rows that a person asks for.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from dagster_project.errors import counted
from dagster_project.quality.build_id import current_build_id
from dagster_project.quality.failing_rows import keep_rows
from dagster_project.settings import Settings
from dagster_project.warehouse import identifier, quoted

TEST_NAME = "column_rules"
SCHEMA = "column_rules"


@dataclass(frozen=True)
class ColumnRule:
    """One rule of a model; ``condition`` follows ``SELECT * FROM <model>`` and gives its failing
    rows (DuckDB's SQL)."""

    name: str
    condition: str


@dataclass(frozen=True)
class RuleOutcome:
    """One column rule: its failing rows, None when it did not report, and where they are kept
    (relative to the data directory)."""

    name: str
    condition: str
    failing_rows: int | None
    rows_path: str | None

    @property
    def sentence(self) -> str:
        """The rule and its rows, without a value of them."""
        rows = "did not run" if self.failing_rows is None else counted(self.failing_rows, "row")
        return f"{self.name} {rows}" + (f" (in {self.rows_path})" if self.rows_path else "")


def column_rules(node: Mapping[str, Any]) -> tuple[ColumnRule, ...]:
    """The rules of a test of the manifest, in the order of its arguments; () for another test."""
    described = node.get("test_metadata") or {}
    if described.get("name") != TEST_NAME:
        return ()
    return tuple(_rules(described.get("kwargs", {})))


def create_rule_table(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table in which the rules' outcomes are kept between the steps of a run."""
    con.execute("CREATE SCHEMA IF NOT EXISTS quality")
    con.execute(
        """
        CREATE TABLE IF NOT EXISTS quality.dbt_rules (
            unique_id VARCHAR, position INTEGER, rule_name VARCHAR, condition VARCHAR,
            failing_rows BIGINT, rows_path VARCHAR
        )
        """
    )


def record_rules(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    nodes: Mapping[str, Mapping[str, Any]],
    *,
    ran: Collection[str],
    answered: Collection[str],
) -> None:
    """Keep which rules each test expects, and what those of one call of dbt reported.

    ``nodes`` of dbt's manifest; of the tests that ``ran`` in this call, those that ``answered``
    left their counts in the warehouse. The rows that break a rule are written to a folder that
    only the owner reads.
    """
    expected = {
        node["unique_id"]: (node, rules) for node in nodes.values() if (rules := column_rules(node))
    }
    con.execute("DELETE FROM quality.dbt_rules WHERE list_contains(?, unique_id)", [[*ran]])
    con.execute(
        "DELETE FROM quality.dbt_rules WHERE NOT list_contains(?, unique_id)", [[*expected]]
    )
    known = recorded_rules(con)
    rows: list[list[Any]] = []
    for unique_id, (node, rules) in expected.items():
        kept = [(rule.name, rule.condition) for rule in known.get(unique_id, ())]
        if kept == [(rule.name, rule.condition) for rule in rules]:
            continue
        con.execute("DELETE FROM quality.dbt_rules WHERE unique_id = ?", [unique_id])
        reported: dict[str, int] = {}
        if unique_id in answered:
            table = f"{identifier(SCHEMA)}.{identifier(node['alias'])}"
            found = con.execute(f"SELECT rule_name, failing_rows FROM {table}")
            reported = dict(found.fetchall())
        model = nodes[node["attached_node"]]
        relation = f"{identifier(model['schema'])}.{identifier(model['name'])}"
        for position, rule in enumerate(rules):
            failing, path = reported.get(rule.name), None
            if failing:
                name = f"{model['name']}__{rule.name}"
                query = f"SELECT * FROM {relation} {rule.condition}"
                path = keep_rows(con, settings, current_build_id(con), name, query)
            rows.append([unique_id, position, rule.name, rule.condition, failing, path])
    if rows:
        marks = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(rows))
        values = [value for row in rows for value in row]
        con.execute(f"INSERT INTO quality.dbt_rules VALUES {marks}", values)


def recorded_rules(con: duckdb.DuckDBPyConnection) -> dict[str, list[RuleOutcome]]:
    """What each column rule reported last, by its test's unique id, in the order of the rules."""
    create_rule_table(con)
    rules: dict[str, list[RuleOutcome]] = {}
    for unique_id, *rule in con.execute(
        "SELECT unique_id, rule_name, condition, failing_rows, rows_path FROM quality.dbt_rules "
        "ORDER BY unique_id, position"
    ).fetchall():
        rules.setdefault(unique_id, []).append(RuleOutcome(*rule))
    return rules


def _rules(given: Mapping[str, Any]) -> Iterator[ColumnRule]:
    for column in given.get("not_null", ()):
        yield ColumnRule(f"not_null({column})", f"WHERE {column} IS NULL")
    for column, values in given.get("accepted_values", {}).items():
        listed = ", ".join(quoted(v) if isinstance(v, str) else str(v) for v in values)
        yield ColumnRule(f"accepted_values({column})", f"WHERE {column} NOT IN ({listed})")
    for name, expression in given.get("holds", {}).items():
        yield ColumnRule(name, f"WHERE NOT coalesce({expression}, false)")
    for key in given.get("unique", ()):
        columns = [key] if isinstance(key, str) else list(key)
        listed = ", ".join(columns)
        present = f"WHERE {columns[0]} IS NOT NULL " if len(columns) == 1 else ""
        yield ColumnRule(
            f"unique({listed})", f"{present}QUALIFY count(*) OVER (PARTITION BY {listed}) > 1"
        )
