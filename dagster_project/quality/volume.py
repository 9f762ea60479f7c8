"""How a mart's number of rows compares with the last published version."""

import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import HourglassError, counted
from dagster_project.quality.results import CheckResult
from dagster_project.quality.suites import Suite, VolumeRule
from dagster_project.settings import Settings

MANIFEST = "manifest.json"


def manifest_in_force(settings: Settings) -> dict[str, Any] | None:
    """The manifest of the published version in force; None before the first publish, and when
    every version is gone.

    Raises HourglassError when there is a version without a readable manifest.
    """
    link = settings.published_dir / "current"
    try:
        return json.loads((link / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        is_lost = not link.exists() and not kept_manifests(settings)
        if is_lost or not os.path.lexists(link):
            return None
    except (OSError, ValueError):
        pass
    raise HourglassError(
        f"{link / MANIFEST} is missing or damaged, so the version in force cannot be trusted. "
        "Put another in force: hourglass rollback."
    )


def kept_manifests(settings: Settings) -> list[tuple[Path, dict[str, Any]]]:
    """Path and content of the readable manifest of each version that is kept, in the order in
    which they were made: by number, those of releases that gave none by name before them.
    """
    found = []
    for path in (settings.published_dir / "versions").glob(f"[0-9]*/{MANIFEST}"):
        try:
            found.append((path, json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError):
            continue
    return sorted(found, key=lambda one: (one[1].get("number", 0), one[0].parent.name))


def latest_manifest(settings: Settings) -> dict[str, Any] | None:
    """The manifest that a new build is compared with: of the version in force, or of the newest
    that is not restated when a restated one is in force. None before the first publish.
    """
    manifest = manifest_in_force(settings)
    if manifest is None or not manifest.get("is_restated"):
        return manifest
    for _, other in reversed(kept_manifests(settings)):
        if not other.get("is_restated"):
            return other
    return manifest


def volume_result(
    con: duckdb.DuckDBPyConnection,
    suite: Suite,
    rule: VolumeRule,
    rows: int,
    manifest: Mapping[str, Any] | None,
) -> CheckResult:
    """The ``volume`` check of ``suite``: share of the rows of the version in force that are gone.

    ``manifest`` is that version's, None when there is none. A build of an earlier day has fewer
    rows by right, so it is not compared.
    """
    severity, outcome = "blocking", "passed"
    before = None
    if manifest is not None and (mart := manifest["marts"].get(suite.mart)):
        before = int(mart["rows"])
    if manifest is None or before is None:
        message = "There is no published version to compare with."
    elif _as_of(con) < date.fromisoformat(manifest["as_of"]):
        message = f"This build is of a day before that of version {manifest['version']}."
    else:
        gone = max(0.0, 100.0 * (before - rows) / before) if before else 0.0
        message = f"{counted(rows, 'row')}, {before:,} in version {manifest['version']}."
        if gone > rule.warn_drop_percent:
            outcome = "failed"
            severity = "blocking" if gone > rule.block_drop_percent else "warning"
            limit = rule.block_drop_percent if severity == "blocking" else rule.warn_drop_percent
            message += (
                f" {gone:.1f}% are gone, more than {limit:g}%. If that is right, raise the limit "
                f"in expectations/{suite.path.name}."
            )
    return CheckResult(
        mart=suite.mart,
        check="volume",
        kind="expectation",
        severity=severity,
        outcome=outcome,
        message=message,
        why=rule.why,
        failing_rows=before - rows if outcome == "failed" and before is not None else 0,
        checked_rows=rows,
    )


def _as_of(con: duckdb.DuckDBPyConnection) -> date:
    row = con.execute("SELECT as_of FROM control.parameters").fetchone()
    return row[0] if row and row[0] else date.max
