"""The gate: every expected check's result on exactly one build, and the record that publish asks.

A result is kept with the content of every mart that its suite reads; it counts only while all of
them are as they were, so a mart that is rebuilt after its check has no check.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from dagster_project.errors import UsageError, counted
from dagster_project.quality.build_id import current_build_id
from dagster_project.quality.dbt_results import dbt_results
from dagster_project.quality.expectations import ExpectationRunner, Verdict
from dagster_project.quality.failing_rows import keep_failing_rows, prune_failing_rows
from dagster_project.quality.fingerprint import Fingerprints, columns_of, registry_fingerprints
from dagster_project.quality.results import CheckResult, GateRecord
from dagster_project.quality.suites import (
    SUITES_DIR,
    Expectation,
    Suite,
    load_suite,
    load_suites,
    suite_paths,
)
from dagster_project.quality.volume import latest_manifest, volume_result
from dagster_project.settings import Settings
from dagster_project.warehouse import PUBLISHED_SCHEMAS


def create_quality_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the tables in which results are kept between the steps of a run."""
    con.execute("CREATE SCHEMA IF NOT EXISTS quality")
    con.execute(
        """
        CREATE TABLE IF NOT EXISTS quality.check_results (
            build_id VARCHAR, mart VARCHAR, check_name VARCHAR, outcome VARCHAR, severity VARCHAR,
            failing_rows BIGINT, result VARCHAR, state VARCHAR, checked_at TIMESTAMP
        )
        """
    )
    con.execute(
        """
        CREATE TABLE IF NOT EXISTS quality.gate_records (
            build_id VARCHAR, recorded_at TIMESTAMP, is_passed BOOLEAN, record VARCHAR,
            ever_passed BOOLEAN
        )
        """
    )
    con.execute("ALTER TABLE quality.gate_records ADD COLUMN IF NOT EXISTS ever_passed BOOLEAN")


def expected_checks(
    suites_dir: Path = SUITES_DIR, *, project_dir: Path | None = None
) -> dict[str, tuple[str, ...]]:
    """The names of the checks that each mart's suite must report."""
    suites = load_suites(suites_dir, project_dir=project_dir)
    return {mart: suite.check_names for mart, suite in suites.items()}


def run_suite(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    mart: str,
    *,
    suites_dir: Path = SUITES_DIR,
    runner: ExpectationRunner | None = None,
    fingerprints: Fingerprints | None = None,
) -> list[CheckResult]:
    """Run one mart's suite on this build and keep its results for :func:`record_gate`.

    ``runner`` and ``fingerprints`` can be shared by several calls on one connection, while nothing
    writes to the marts. Raises UsageError when the suite is missing or is not one.
    """
    path = suite_paths(suites_dir, settings.project_dir).get(mart)
    if path is None:
        raise UsageError(f"There is no suite for {mart}: write {suites_dir.name}/{mart}.yml.")
    suite = load_suite(path)
    build_id = current_build_id(con)
    create_quality_tables(con)
    state = _state(suite, fingerprints or Fingerprints(con))
    results = _run(con, settings, suite, build_id, runner or ExpectationRunner(con))
    now = datetime.now(UTC).replace(tzinfo=None)
    con.begin()
    con.execute(
        "DELETE FROM quality.check_results WHERE mart = ? OR build_id <> ?", [mart, build_id]
    )
    marks = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(results))
    con.execute(
        f"INSERT INTO quality.check_results VALUES {marks}",
        [
            value
            for result in results
            for value in (
                build_id,
                mart,
                result.check,
                result.outcome,
                result.severity,
                result.failing_rows,
                json.dumps(result.to_json()),
                state,
                now,
            )
        ],
    )
    con.commit()
    return results


def run_gate(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    suites_dir: Path = SUITES_DIR,
    progress: Callable[[str], None] | None = None,
) -> GateRecord:
    """Run every suite on this build, then :func:`record_gate`. Does not raise for failed checks:
    :meth:`GateRecord.require_passed` does.
    """
    runner, fingerprints = ExpectationRunner(con), Fingerprints(con)
    for mart in expected_checks(suites_dir, project_dir=settings.project_dir):
        if progress is not None:
            progress(f"checking {mart}")
        run_suite(
            con,
            settings,
            mart,
            suites_dir=suites_dir,
            runner=runner,
            fingerprints=fingerprints,
        )
    return record_gate(con, settings, suites_dir=suites_dir)


def rerun_stale(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    suites_dir: Path = SUITES_DIR,
    runner: ExpectationRunner | None = None,
    fingerprints: Fingerprints | None = None,
) -> list[str]:
    """Run again the suites whose results do not count: changed since, not of this build, or not
    complete, as after a suite was mended. The marts whose checks ran.
    """
    build_id = current_build_id(con)
    create_quality_tables(con)
    fingerprints = fingerprints or Fingerprints(con)
    kept: dict[str, set[tuple[str, str]]] = {}
    for mart, check, state in con.execute(
        "SELECT mart, check_name, state FROM quality.check_results WHERE build_id = ?", [build_id]
    ).fetchall():
        kept.setdefault(mart, set()).add((check, state))
    stale = [
        suite.mart
        for suite in load_suites(suites_dir, project_dir=settings.project_dir).values()
        if kept.get(suite.mart)
        != {(check, _state(suite, fingerprints)) for check in suite.check_names}
    ]
    if stale and runner is None:
        runner = ExpectationRunner(con)
    for mart in stale:
        run_suite(
            con,
            settings,
            mart,
            suites_dir=suites_dir,
            runner=runner,
            fingerprints=fingerprints,
        )
    return stale


def record_gate(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    suites_dir: Path = SUITES_DIR,
    fingerprints: Fingerprints | None = None,
) -> GateRecord:
    """Compare the checks that reported with those that were expected, and write the record.

    A check that did not run on this very content, and a mart without a suite, are results too:
    missing, and blocking.
    """
    suites = load_suites(suites_dir, project_dir=settings.project_dir)
    build_id = current_build_id(con)
    create_quality_tables(con)
    fingerprints = fingerprints or Fingerprints(con)
    kept = {
        (mart, check): (json.loads(result), state)
        for mart, check, result, state in con.execute(
            "SELECT mart, check_name, result, state FROM quality.check_results WHERE build_id = ?",
            [build_id],
        ).fetchall()
    }
    results: list[CheckResult] = []
    for suite in suites.values():
        state = _state(suite, fingerprints)
        for check in suite.check_names:
            result, state_then = kept.get((suite.mart, check), (None, None))
            if result is None:
                results.append(_missing(suite, check, "It did not run on this build."))
            elif state_then != state:
                text = "Its suite or a mart that it reads changed after it ran: run it again."
                results.append(_missing(suite, check, text))
            else:
                results.append(CheckResult.from_json(result))
    marts = marts_of(con)
    results += [_unchecked(mart) for mart in marts if mart not in suites]
    by_mart = {mart: fingerprints.of(schema, mart) for mart, schema in marts.items()}
    results += dbt_results(con, by_mart)
    now = datetime.now(UTC).replace(tzinfo=None)
    record = GateRecord(
        build_id, f"{now.isoformat()}Z", by_mart, tuple(results), registry_fingerprints(con)
    )
    ever_passed = record.passed or was_ever_passed(con)
    con.begin()
    con.execute("DELETE FROM quality.gate_records")
    con.execute(
        "INSERT INTO quality.gate_records VALUES (?, ?, ?, ?, ?)",
        [build_id, now, record.passed, json.dumps(record.to_json()), ever_passed],
    )
    con.commit()
    prune_failing_rows(settings)
    return record


def latest_record(con: duckdb.DuckDBPyConnection) -> GateRecord | None:
    """The last gate's record on this warehouse, whatever its build; None when there is none."""
    create_quality_tables(con)
    row = con.execute("SELECT record FROM quality.gate_records").fetchone()
    return GateRecord.from_json(json.loads(row[0])) if row else None


def was_ever_passed(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether a build of this warehouse ever passed its gate, and so may have been published.

    A record of a release that did not note it counts as passed: ids that were seen are worth more
    than a clean start.
    """
    create_quality_tables(con)
    row = con.execute("SELECT coalesce(ever_passed, true) FROM quality.gate_records").fetchone()
    return bool(row and row[0])


def marts_of(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The marts that dbt built, each with its schema (``marts`` or ``restricted``), by name."""
    rows = con.execute(
        "SELECT table_name, table_schema FROM information_schema.tables "
        "WHERE table_schema IN ? AND table_catalog = current_database() ORDER BY table_name",
        [list(PUBLISHED_SCHEMAS)],
    ).fetchall()
    return dict(rows)


def _state(suite: Suite, fingerprints: Fingerprints) -> str:
    """What decides the suite's outcome: its file, and the content of the marts that it reads."""
    text = json.dumps(
        [suite.path.read_text(encoding="utf-8"), fingerprints.of_marts(suite.reads)], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _run(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    suite: Suite,
    build_id: str,
    runner: ExpectationRunner,
) -> list[CheckResult]:
    columns = columns_of(con, suite.schema, suite.mart)
    if not columns:
        message = f"dbt has not built {suite.table}."
        return [
            replace(_missing(suite, check, message), outcome="errored")
            for check in suite.check_names
        ]
    total = con.execute(f'SELECT count(*) FROM "{suite.schema}"."{suite.mart}"').fetchone()
    rows = total[0] if total else 0
    results = [_empty_result(suite, rows)]
    if suite.volume is not None:
        results.append(volume_result(con, suite, suite.volume, rows, latest_manifest(settings)))
    absent = {
        item.name: f"The mart has no column {', '.join(sorted(item.columns - columns.keys()))}."
        for item in suite.expectations
        if item.columns - columns.keys()
    }
    applicable = [
        item for item in suite.expectations if rows >= item.min_rows and item.name not in absent
    ]
    started = time.perf_counter()
    verdicts = runner.run(suite, applicable)
    seconds = round((time.perf_counter() - started) / max(1, len(applicable)), 3)
    for item in suite.expectations:
        result = CheckResult(
            mart=suite.mart,
            check=item.name,
            kind="expectation",
            severity=item.severity,
            outcome="passed",
            message="It holds.",
            why=item.why,
            checked_rows=rows,
            seconds=seconds,
        )
        if item.name in absent:
            text = absent[item.name]
            results.append(replace(result, outcome="errored", message=text, failing_rows=None))
            continue
        if rows < item.min_rows:
            text = f"It applies from {counted(item.min_rows, 'row')} on; the mart has {rows:,}."
            results.append(replace(result, message=text, seconds=0.0))
            continue
        verdict = verdicts.get(item.name)
        if verdict is None or verdict.error is not None:
            text = verdict.error if verdict and verdict.error else "It reported nothing."
            results.append(replace(result, outcome="errored", message=text, failing_rows=None))
        elif not verdict.passed:
            results.append(_failed(con, settings, build_id, suite, item, result, verdict))
        else:
            results.append(result)
    return results


def _failed(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    build_id: str,
    suite: Suite,
    item: Expectation,
    result: CheckResult,
    verdict: Verdict,
) -> CheckResult:
    kept = keep_failing_rows(con, settings, build_id, suite, item)
    path, keys = kept if kept is not None else (None, ())
    if verdict.observed:
        found = verdict.observed
    else:
        count = verdict.failing_rows or 0
        found = f"{counted(count, 'row')} for which this does not hold"
    return replace(
        result,
        outcome="failed",
        message=f"Found: {found}. Expected: {item.why}",
        failing_rows=verdict.failing_rows,
        failing_rows_path=path,
        failing_keys=keys,
    )


def _empty_result(suite: Suite, rows: int) -> CheckResult:
    allowed = suite.empty.outcome == "pass"
    return CheckResult(
        mart=suite.mart,
        check="not_empty",
        kind="expectation",
        severity="warning" if suite.empty.outcome == "warning" else "blocking",
        outcome="passed" if rows or allowed else "failed",
        message=f"It has {counted(rows, 'row')}." if rows else f"It is empty. {suite.empty.why}",
        why=suite.empty.why,
        checked_rows=rows,
    )


def _missing(suite: Suite, check: str, message: str) -> CheckResult:
    item = next((item for item in suite.expectations if item.name == check), None)
    return CheckResult(
        mart=suite.mart,
        check=check,
        kind="expectation",
        severity=item.severity if item else "blocking",
        outcome="missing",
        message=message,
        why=item.why if item else "",
        failing_rows=None,
    )


def _unchecked(mart: str) -> CheckResult:
    return CheckResult(
        mart=mart,
        check="has_a_suite",
        kind="expectation",
        severity="blocking",
        outcome="missing",
        message=f"There is no expectations/{mart}.yml: a mart without a suite is not published.",
        failing_rows=None,
    )
