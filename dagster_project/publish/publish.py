"""Publish: only a build that passed its gate, wholly or not at all."""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.publish.comparison import compare_folders
from dagster_project.publish.flip import (
    building_folder,
    keep_apart,
    publishing,
    put_in_force,
    sync_tree,
)
from dagster_project.publish.inputs import input_parts, inputs_fingerprint
from dagster_project.publish.older_versions import leave_parquet_alone
from dagster_project.publish.unchanged import unchanged_parquet
from dagster_project.publish.versions import (
    ALWAYS_TABLE,
    PublishedVersion,
    cannot_write,
    new_name,
    new_number,
    version_in_force,
    version_of,
)
from dagster_project.publish.versions_on_disk import prune
from dagster_project.publish.writing import (
    STORAGE_VERSION,
    Render,
    described_files,
    described_marts,
    verify,
    write_json,
    write_marts,
    write_report,
    write_restricted,
)
from dagster_project.quality.build_id import current_build_id
from dagster_project.quality.fingerprint import columns_of
from dagster_project.quality.gate import latest_record, marts_of
from dagster_project.quality.results import GateRecord
from dagster_project.quality.suites import SUITES_DIR, Suite, load_suites
from dagster_project.quality.volume import MANIFEST, latest_manifest
from dagster_project.settings import Settings, deciding_settings


def publish(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    render: Render,
    ledger: Mapping[str, Any] | None = None,
    suites_dir: Path = SUITES_DIR,
    progress: Callable[[str], None] | None = None,
) -> PublishedVersion:
    """Make a new version of the build that the warehouse holds, and put it in force.

    A build of a day before that of the version in force is *restated*: events are cut by their own
    time, knowledge is today's. It is marked, and stays beside the version in force unless the
    build was asked to become current.

    ``render(con, *, quality, manifest, ledger)`` gives the report's files from the new marts.
    Raises HourglassError, with the version in force unchanged, when the gate's record is missing,
    is of another build or did not pass, when a mart is no longer the one that was checked, or
    when the files cannot be written.
    """
    say = progress or (lambda _: None)
    gate = _require_record(con, load_suites(suites_dir, project_dir=settings.project_dir))
    marts = marts_of(con)
    with publishing(settings):
        before = version_in_force(settings)
        is_restated = before is not None and _is_of_a_day_before(con, settings)
        version = version_of(settings, new_name(settings, is_restated=is_restated))
        published, restricted = map(building_folder, (version.published, version.restricted))
        try:
            say("writing the marts")
            moment = version.published_at.replace(tzinfo=None)
            public = [name for name, schema in marts.items() if schema == "marts"]
            unchanged = unchanged_parquet(before, public, gate.fingerprints)
            alone = _parquet_only(settings, public, gate)
            linked = write_marts(con, published, marts, moment, unchanged, alone)
            write_restricted(con, restricted, marts, moment)
            say("verifying the copy")
            verify(settings, published, restricted, marts, gate, linked, alone)
            parts = input_parts(settings, con)
            manifest = {
                "version": version.name,
                "number": new_number(settings),
                "build_id": gate.build_id,
                "as_of": str(_parameter(con, "as_of")),
                "is_restated": is_restated,
                "published_at": moment.isoformat(sep=" ", timespec="seconds"),
                "previous_version": before.name if before else None,
                "inputs": _parameter(con, "inputs") or inputs_fingerprint(parts),
                "input_parts": json.loads(_parameter(con, "input_parts") or "null") or parts,
                "time_zone": settings.time_zone,
                "currency": _reporting_currency(con, settings),
                "settings": deciding_settings(settings),
                "ledger": dict(ledger or {}),
                "duckdb_version": duckdb.__version__,
                "storage_version": STORAGE_VERSION,
                "marts": described_marts(con, marts, gate, alone),
            }
            manifest["comparison"] = _compared(before, published, manifest)
            quality = gate.to_json()
            say("writing the report")
            write_report(
                settings,
                published,
                render,
                quality=quality,
                manifest=manifest,
                ledger=ledger or {},
            )
            write_json(published / "quality.json", quality)
            write_json(published / MANIFEST, manifest | {"files": described_files(published)})
            say("completing the version")
            sync_tree(published)
            sync_tree(restricted)
            if is_restated and not _parameter(con, "make_current"):
                keep_apart(settings, version)
            else:
                put_in_force(settings, version, is_new=True)
            prune(settings)
            leave_parquet_alone(settings)
        except (OSError, duckdb.IOException, duckdb.FatalException) as error:
            raise _not_written(settings, error) from None
        finally:
            for folder in (published, restricted):
                shutil.rmtree(folder, ignore_errors=True)
    return version


def _require_record(con: duckdb.DuckDBPyConnection, suites: Mapping[str, Suite]) -> GateRecord:
    """The gate's record of this very build, passed and complete."""
    build_id = current_build_id(con)
    gate = latest_record(con)
    if gate is None:
        raise HourglassError(
            f"The build {build_id} was not checked, so it is not published: there is no record of "
            "the quality gate. Run the checks, or the whole job: hourglass run."
        )
    if gate.build_id != build_id:
        raise HourglassError(
            f"The checks ran on build {gate.build_id}, and the warehouse holds build {build_id}, "
            "which is not published unchecked. Run the checks, or the whole job: hourglass run."
        )
    gate.require_passed()
    reported = {(result.mart, result.check) for result in gate.results}
    for mart, suite in suites.items():
        absent = [check for check in suite.check_names if (mart, check) not in reported]
        if absent:
            raise HourglassError(
                f"{mart}: {', '.join(absent)} did not run on build {build_id}, so it is not "
                "published. Run the checks again."
            )
    gone = sorted(gate.fingerprints.keys() - marts_of(con).keys())
    if gone:
        raise HourglassError(
            f"The mart {gone[0]} was checked and is gone since. Run the whole job: hourglass run."
        )
    row = None
    if columns_of(con, "marts", "build"):
        row = con.execute("SELECT any_value(build_id), count(*) FROM marts.build").fetchone()
    if row is None or row != (build_id, 1):
        raise HourglassError(
            f"The mart build does not say that the marts are of build {build_id}: they were not "
            "all rebuilt. Run the whole job: hourglass run."
        )
    return gate


def _parquet_only(settings: Settings, marts: Iterable[str], gate: GateRecord) -> set[str]:
    """Marts that are too large for marts.duckdb."""
    least = settings.parquet_only_from
    found = {name: gate.fingerprints[name].rows for name in marts if name in gate.fingerprints}
    return {name for name, rows in found.items() if name != ALWAYS_TABLE and rows >= least}


def _compared(
    before: PublishedVersion | None, published: Path, manifest: Mapping[str, Any]
) -> dict[str, Any] | None:
    """What changed since the version in force (publish.comparison), for the report and whoever
    reads the manifest; None when there is none, or it is damaged: no reason not to publish.
    """
    if before is None or not before.is_complete:
        return None
    with suppress(HourglassError, duckdb.Error, OSError, ValueError, KeyError):
        old = json.loads((before.published / MANIFEST).read_text(encoding="utf-8"))
        return compare_folders(before.published, published, old, manifest).to_json()
    return None


def _is_of_a_day_before(con: duckdb.DuckDBPyConnection, settings: Settings) -> bool:
    latest = latest_manifest(settings)
    as_of = _parameter(con, "as_of")
    # One of a day to come, which earlier releases took, would hold up all until that day.
    today = str(settings.today)
    return latest is not None and as_of is not None and str(as_of) < latest["as_of"] <= today


def _reporting_currency(con: duckdb.DuckDBPyConnection, settings: Settings) -> str | None:
    """The currency of every amount: as set, else the only one present, None when none is named."""
    named = _parameter(con, "currency") or settings.currency
    if named is None and "currency" in columns_of(con, "marts", "orders"):
        row = con.execute("SELECT any_value(currency) FROM marts.orders").fetchone()
        named = row[0] if row else None
    return named


def _parameter(con: duckdb.DuckDBPyConnection, name: str) -> Any:
    if name not in columns_of(con, "control", "parameters"):
        return None
    row = con.execute(f"SELECT {name} FROM control.parameters").fetchone()
    return row[0] if row else None


def _not_written(settings: Settings, error: Exception) -> HourglassError:
    if isinstance(error, OSError):
        return cannot_write(settings.published_dir, error)
    return HourglassError(
        f"A new version cannot be written to {settings.published_dir}: the disk is full or cannot "
        f"be written ({type(error).__name__}). The version in force is unchanged. Make room, then "
        "run again: old versions are removed by HOURGLASS_KEEP_VERSIONS."
    )
