"""dbt's own tests as checks of the gate: what ran, when, on which build of which models.

dbt replaces a model's table before it tests it, and a build is several calls of dbt, so a test
counts only when it ran after the last build of every model that it depends on.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.quality import missing_rates
from dagster_project.quality.column_rules import (
    RuleOutcome,
    create_rule_table,
    record_rules,
    recorded_rules,
)
from dagster_project.quality.descriptions import described
from dagster_project.quality.fingerprint import columns_of, fingerprint
from dagster_project.quality.results import CheckResult, Fingerprint, Severity
from dagster_project.settings import Settings
from dagster_project.warehouse import PUBLISHED_SCHEMAS

TEST_KINDS = frozenset({"test", "unit_test"})
BUILT_KINDS = frozenset({"model", "seed", "snapshot"})

NOT_COUNTED = (
    "It ran before the last build of a model that it depends on, or that model's table changed "
    "since: dbt build, with its tests, has to run again."
)


@dataclass(frozen=True)
class _Node:
    unique_id: str
    kind: str
    name: str
    schema: str
    severity: Severity
    depends_on: list[str]
    attached: str
    description: str


@dataclass(frozen=True)
class _Run:
    status: str
    started_at: datetime
    completed_at: datetime
    failures: int | None


def create_dbt_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the tables in which dbt's outcomes are kept between the steps of a run."""
    con.execute("CREATE SCHEMA IF NOT EXISTS quality")
    con.execute(
        """
        CREATE TABLE IF NOT EXISTS quality.dbt_nodes (
            unique_id VARCHAR, kind VARCHAR, name VARCHAR, schema_name VARCHAR, severity VARCHAR,
            depends_on VARCHAR[], attached VARCHAR, description VARCHAR
        )
        """
    )
    con.execute(
        """
        CREATE TABLE IF NOT EXISTS quality.dbt_runs (
            unique_id VARCHAR, status VARCHAR, started_at TIMESTAMP, completed_at TIMESTAMP,
            failures BIGINT, rows BIGINT, digest VARCHAR
        )
        """
    )
    create_rule_table(con)
    con.execute(
        """
        CREATE TABLE IF NOT EXISTS quality.dbt_descriptions (
            mart VARCHAR, column_name VARCHAR, description VARCHAR
        )
        """
    )


def record_dbt_results(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    run_results_path: Path,
    manifest_path: Path,
) -> None:
    """Keep, for each model and test of one call of dbt, when it completed and its outcome.

    The manifest replaces the one of the call before: it says which tests are expected. The rows
    that break a column rule are kept in a folder that only the owner reads. Raises
    HourglassError when dbt left no readable results, which happens when it stopped early.
    """
    results = _read(run_results_path)
    manifest = _read(manifest_path)
    nodes = _nodes(manifest)
    generated_at = str(results["metadata"]["generated_at"])
    runs = {item["unique_id"]: _run(item, generated_at) for item in results["results"]}
    create_dbt_tables(con)
    con.begin()
    con.execute("DELETE FROM quality.dbt_nodes")
    _insert(con, "quality.dbt_nodes", [astuple(node) for node in nodes.values()])
    answered = {key for key, run in runs.items() if run.status in ("pass", "fail", "warn")}
    record_rules(con, settings, manifest["nodes"], ran=runs.keys(), answered=answered)
    con.execute("DELETE FROM quality.dbt_descriptions")
    _insert(con, "quality.dbt_descriptions", described(_marts(manifest)))
    con.execute("DELETE FROM quality.dbt_runs WHERE list_contains(?, unique_id)", [list(runs)])
    _insert(
        con,
        "quality.dbt_runs",
        [
            (unique_id, *astuple(run), *_content(con, nodes.get(unique_id)))
            for unique_id, run in runs.items()
        ],
    )
    con.commit()


def mart_descriptions(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str | None, str]]:
    """What dbt says of each mart: column name to description, and None to the mart's own."""
    create_dbt_tables(con)
    found: dict[str, dict[str | None, str]] = {}
    for mart, column, text in con.execute("SELECT * FROM quality.dbt_descriptions").fetchall():
        found.setdefault(mart, {})[column] = text
    return found


def describe_mart(
    con: duckdb.DuckDBPyConnection, mart: str, texts: Mapping[str | None, str]
) -> None:
    """Keep what a mart that dbt does not build says of itself, until dbt is recorded again."""
    create_dbt_tables(con)
    con.execute("DELETE FROM quality.dbt_descriptions WHERE mart = ?", [mart])
    _insert(
        con, "quality.dbt_descriptions", [(mart, column, text) for column, text in texts.items()]
    )


def dbt_results(
    con: duckdb.DuckDBPyConnection, fingerprints: Mapping[str, Fingerprint]
) -> list[CheckResult]:
    """One result per expected test, and one per model whose last build did not succeed.

    ``fingerprints`` are of the marts as they are now: a mart that changed after dbt recorded it
    makes its tests count as not run. Empty only when dbt was never recorded, which is a failed
    result of its own.
    """
    create_dbt_tables(con)
    nodes = {
        row[0]: _Node(*row)
        for row in con.execute("SELECT * FROM quality.dbt_nodes ORDER BY unique_id").fetchall()
    }
    rows = con.execute("SELECT * FROM quality.dbt_runs").fetchall()
    runs = {row[0]: _Run(*row[1:5]) for row in rows}
    changed = {
        row[0]
        for row in rows
        if row[6] is not None
        and (node := nodes.get(row[0]))
        and (now := fingerprints.get(node.name))
        and (now.rows, now.digest) != (row[5], row[6])
    }
    if not nodes:
        return [
            CheckResult(
                mart="dbt",
                check="dbt_results_recorded",
                kind="dbt_test",
                severity="blocking",
                outcome="missing",
                failing_rows=None,
                message="No results of dbt are recorded for this warehouse.",
                why="dbt's tests hold keys, references, accepted values and model logic.",
            )
        ]
    rules = recorded_rules(con)
    results = []
    for node in nodes.values():
        if node.kind == "test" or (node.kind == "unit_test" and node.unique_id in runs):
            result = _test_result(node, runs, nodes, changed)
            mine = rules.get(node.unique_id)
            results += [result] if mine is None else _rule_results(node, nodes, result, mine)
    built = [node for node in nodes.values() if node.kind in BUILT_KINDS]
    results += [result for node in built if (result := _model_result(node, runs))]
    return missing_rates.told(con, results)


def _test_result(
    node: _Node, runs: Mapping[str, _Run], nodes: Mapping[str, _Node], changed: set[str]
) -> CheckResult:
    run = runs.get(node.unique_id)
    outcome, message, failing = "missing", "dbt did not run it.", None
    if run is not None:
        stale = [
            parent
            for parent in node.depends_on
            if parent in changed
            or ((built := runs.get(parent)) and built.completed_at > run.started_at)
        ]
        # A unit test runs before its model is built, on rows of its own.
        if stale and node.kind == "test":
            outcome, message = "missing", NOT_COUNTED
        elif run.status == "pass":
            outcome, message, failing = "passed", "It passed.", 0
        elif run.status in ("fail", "warn"):
            outcome, failing = "failed", run.failures
            message = f"dbt test --select {node.name} shows the rows."
        else:
            outcome = "errored"
            message = f"dbt says {run.status}; its log says why."
    severity = "warning" if run is not None and run.status == "warn" else node.severity
    mart = nodes[node.attached].name if node.attached in nodes else "dbt"
    return CheckResult(
        mart=mart,
        check=node.name,
        kind="dbt_test",
        severity=severity,
        outcome=outcome,
        message=message,
        why=node.description,
        failing_rows=failing,
    )


def _rule_results(
    node: _Node,
    nodes: Mapping[str, _Node],
    whole: CheckResult,
    rules: Iterable[RuleOutcome],
) -> list[CheckResult]:
    """A result per column rule of one test, whose own result is ``whole``.

    A rule that did not report is missing, whatever the test says of the others.
    """
    model = nodes[node.attached]
    found = []
    for rule in rules:
        result = replace(whole, check=rule.name, failing_rows=rule.failing_rows)
        if whole.outcome in ("missing", "errored"):
            result = replace(result, failing_rows=None)
        elif rule.failing_rows is None:
            result = replace(result, outcome="missing", message="It did not report.")
        elif rule.failing_rows:
            result = replace(
                result,
                outcome="failed",
                message=f"SELECT * FROM {model.schema}.{model.name} {rule.condition} shows them.",
                failing_rows_path=rule.rows_path,
            )
        else:
            result = replace(result, outcome="passed", message="It holds.")
        found.append(result)
    return found


def _model_result(node: _Node, runs: Mapping[str, _Run]) -> CheckResult | None:
    run = runs.get(node.unique_id)
    if run is not None and run.status == "success":
        return None
    return CheckResult(
        mart=node.name,
        check="is_built",
        kind="dbt_model",
        severity="blocking",
        outcome="missing" if run is None else "errored",
        failing_rows=None,
        message="dbt never built it." if run is None else f"Its last build ended as {run.status}.",
        why="A table that its last build did not replace is of another day.",
    )


def _content(con: duckdb.DuckDBPyConnection, node: _Node | None) -> list[int | str | None]:
    """Rows and digest of a mart as dbt left it; empty for what is no mart."""
    is_mart = node is not None and node.kind in BUILT_KINDS and node.schema in PUBLISHED_SCHEMAS
    if node is None or not is_mart or not columns_of(con, node.schema, node.name):
        return [None, None]
    found = fingerprint(con, node.schema, node.name)
    return [found.rows, found.digest]


def _nodes(manifest: Mapping[str, Any]) -> dict[str, _Node]:
    """Tests, unit tests and what dbt builds, by unique id; ephemeral models are built nowhere."""
    items: Iterable[Mapping[str, Any]] = [
        *manifest.get("nodes", {}).values(),
        *manifest.get("unit_tests", {}).values(),
    ]
    return {
        item["unique_id"]: _Node(
            unique_id=item["unique_id"],
            kind=item["resource_type"],
            name=item["name"],
            schema=item.get("schema") or "",
            severity="warning" if _severity(item) == "warn" else "blocking",
            depends_on=list(item.get("depends_on", {}).get("nodes", ())),
            attached=item.get("attached_node") or _last_model(item),
            description=item.get("description") or "",
        )
        for item in items
        if item["resource_type"] in TEST_KINDS | BUILT_KINDS
        and item.get("config", {}).get("materialized") != "ephemeral"
    }


def _marts(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        item
        for item in manifest.get("nodes", {}).values()
        if item["resource_type"] == "model" and item.get("schema") in PUBLISHED_SCHEMAS
    ]


def _severity(item: Mapping[str, Any]) -> str:
    return str(item.get("config", {}).get("severity", "error")).lower()


def _last_model(item: Mapping[str, Any]) -> str:
    """The model that a singular or unit test is about: the last that it depends on."""
    nodes = item.get("depends_on", {}).get("nodes", ())
    return nodes[-1] if nodes else ""


def _run(item: Mapping[str, Any], generated_at: str) -> _Run:
    times = {step["name"]: step for step in item.get("timing", ())}
    executed = times.get("execute") or {}
    return _Run(
        status=str(item["status"]),
        started_at=_time(executed.get("started_at") or generated_at),
        completed_at=_time(executed.get("completed_at") or generated_at),
        failures=item.get("failures"),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    """All rows in one statement: one by one costs a second for a few hundred tests."""
    if rows:
        marks = ", ".join(f"({', '.join('?' * len(row))})" for row in rows)
        values = [value for row in rows for value in row]
        con.execute(f"INSERT INTO {table} VALUES {marks}", values)


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise HourglassError(
            f"dbt left no readable {path.name} in {path.parent}: it stopped before it was done. "
            "Its log, logs/dbt.log, says why."
        ) from None
