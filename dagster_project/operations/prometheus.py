"""Prometheus text file: the status as metrics, for node_exporter's textfile collector."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster_project.errors import unusable
from dagster_project.operations.status import FAILED, late_or_odd


def write_metrics(path: Path, status: Mapping[str, Any]) -> None:
    """Write ``status`` (operations.status) to ``path``, whole or not at all.

    Raises UsageError when it cannot be written.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text("".join(_lines(status)), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise unusable(path, error) from None


def _lines(status: Mapping[str, Any]) -> Iterator[str]:
    version, runs, ledger = status["version"], status["runs"], status["ledger"]
    finished = [run for run in runs if run["status"] in {*FAILED, "success"}]
    yield from _gauge("well", "1 when hourglass status exits with 0.", int(status["is_well"]))
    if version is not None:
        published = datetime.fromisoformat(version["published_at"]).timestamp()
        as_of = datetime.fromisoformat(version["as_of"]).replace(tzinfo=UTC).timestamp()
        yield from _gauge(
            "version_published_timestamp_seconds", "When the version in force was made.", published
        )
        yield from _gauge("version_as_of_timestamp_seconds", "Its last business day.", as_of)
        yield from _gauge("version_warnings", "Its checks that warn.", len(version["warnings"]))
    if finished:
        begun = datetime.fromisoformat(finished[0]["at"]).replace(tzinfo=UTC).timestamp()
        is_well = int(finished[0]["status"] == "success")
        yield from _gauge("last_run_success", "1 when the newest finished run succeeded.", is_well)
        yield from _gauge("last_run_timestamp_seconds", "When it began.", begun)
    for name in ("records", "quarantined", "left_out"):
        if name in ledger:
            yield from _gauge(f"ledger_{name}", f"Records of the ledger: {name}.", ledger[name])
    yield from _gauge(
        "sources_late_or_odd", "Sources that are late or odd.", len(late_or_odd(ledger))
    )
    disk = status["disk"]
    yield from _gauge("disk_free_bytes", "Free on the data directory's disk.", disk["free_bytes"])
    yield from _gauge("disk_needed_bytes", "Expected need of one run.", disk["needed_bytes"])


def _gauge(name: str, told: str, value: float) -> Iterator[str]:
    yield f"# HELP hourglass_{name} {told}\n# TYPE hourglass_{name} gauge\n"
    yield f"hourglass_{name} {value:.15g}\n"
