"""Older versions: their marts are left as Parquet alone, and become tables again for a rollback.

Every version has a marts.duckdb of its own, two thirds of its size, while unchanged Parquet files
are shared. So only the versions that somebody works with keep its tables: eight versions of 100,000
people took 3.1 GB and take 1.5, made in 1 s each; a rollback to one takes 19 s (2026-12). Nothing
that a version says changes, and whoever reads it finds every mart (``reading``).
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.publish.descriptions import describe, descriptions_in
from dagster_project.publish.reading import (
    attach_marts,
    marts_in,
    opened_marts,
    parquet_of,
    parquet_only,
)
from dagster_project.publish.versions import (
    ALWAYS_TABLE,
    DATABASE,
    IN_USE,
    SPARE_SUFFIX,
    PublishedVersion,
    cannot_write,
    list_versions,
    version_in_force,
)
from dagster_project.publish.writing import described_file, write_json, written_database
from dagster_project.quality.volume import MANIFEST
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file, identifier

# The newest that keep their tables, restated ones apart: going back one is a rename.
WITH_TABLES = 2


def leave_parquet_alone(settings: Settings, *, now: datetime | None = None) -> list[str]:
    """Leave older versions their Parquet alone; the names of those that had tables until now.

    The newest two, restated ones counted apart, the one in force, and those of the last two hours
    keep their tables, and so does one of which a Parquet file is not what was verified. Called with
    the versions locked; a disk that takes no file leaves all as it is.
    """
    now = now or datetime.now(UTC)
    in_force = version_in_force(settings)
    versions = [version for version in list_versions(settings) if version.is_complete]
    changed = []
    for is_restated in (False, True):
        alike = [version for version in versions if version.is_restated == is_restated]
        for version in alike[:-WITH_TABLES]:
            if version == in_force or now - version.published_at < IN_USE:
                continue
            # Nothing is lost by a version that stays as it is: the next publish tries again.
            with suppress(OSError, duckdb.Error, HourglassError):
                if _arrange(settings, version, lambda _, marts: {*marts} - {ALWAYS_TABLE}):
                    changed.append(version.name)
    return changed


def restore_tables(settings: Settings, version: PublishedVersion) -> None:
    """Make tables of the marts that ``version`` has as Parquet for its age.

    Those that are too large for marts.duckdb stay. Raises HourglassError, the version as it was,
    when a file is not the one that was published, or the disk takes no more.
    """
    try:
        _arrange(
            settings,
            version,
            lambda was, marts: {m for m in was if marts[m]["rows"] >= settings.parquet_only_from},
        )
    except (OSError, duckdb.Error) as error:
        cause = error if isinstance(error, OSError) else OSError(type(error).__name__)
        raise cannot_write(version.published, cause) from None


def _arrange(
    settings: Settings,
    version: PublishedVersion,
    chosen: Callable[[set[str], Mapping[str, Mapping[str, Any]]], set[str]],
) -> bool:
    """Have the marts that are ``chosen`` as Parquet alone and the others as tables too; whether
    anything had to be done. ``chosen`` gets those that are alone now, and each mart's facts.

    marts.duckdb and the manifest are replaced by a rename each. A process that dies between the two
    leaves a version that reads as before, and that the next call puts right.
    """
    manifest = _manifest(version)
    public = {
        name: facts
        for name, facts in manifest.get("marts", {}).items()
        if not facts.get("is_restricted")
    }
    said = {name for name, facts in public.items() if facts.get("is_parquet_only")}
    with opened_marts(version.published) as con:
        was = {name for name in parquet_only(con) if name in public}
        lost = public.keys() - marts_in(con)
    alone = chosen(was, public)
    if alone == was == said and not lost:
        return False
    # What is to be all of a mart, and what a table is to be made of.
    for name in sorted(lost | (alone ^ was)):
        _require_as_written(version, name, manifest)
    if alone != was:
        _write_tables(settings, version, alone)
    for name, facts in public.items():
        facts["is_parquet_only"] = name in alone
    manifest.get("files", {})[DATABASE] = described_file(version.database)
    spare = (version.published / MANIFEST).with_suffix(SPARE_SUFFIX)
    write_json(spare, manifest)
    _replace(spare, version.published / MANIFEST)
    return True


def _write_tables(settings: Settings, version: PublishedVersion, alone: set[str]) -> None:
    """Write marts.duckdb again, with all that the version has but ``alone``."""
    new = version.database.with_suffix(SPARE_SUFFIX)
    try:
        with connect_file(
            ":memory:",
            allowed_dirs=(version.published,),
            memory_limit=settings.memory_limit,
            threads=settings.threads,
        ) as con:
            attach_marts(con, version.published, "marts")
            said = descriptions_in(con, "marts")
            with written_database(con, new) as target:
                for name in marts_in(con, "marts"):
                    if name in alone:
                        continue
                    source, table = (f"{one}.main.{identifier(name)}" for one in ("marts", target))
                    con.execute(f"CREATE TABLE {table} AS FROM {source}")
                    describe(con, "TABLE", table, said.get(name, {}))
        _replace(new, version.database)
    finally:
        new.unlink(missing_ok=True)


def _require_as_written(version: PublishedVersion, mart: str, manifest: Mapping[str, Any]) -> None:
    """That the mart's Parquet is, byte by byte, what was verified when it was published."""
    path = parquet_of(version.published, mart)
    written = manifest.get("files", {}).get(str(path.relative_to(version.published)))
    if not path.is_file() or described_file(path) != written:
        found = "not the file that it published" if path.is_file() else "missing"
        raise HourglassError(
            f"Version {version.name} cannot be put in force: {path} is {found}. The version in "
            "force is unchanged. hourglass versions lists others."
        )


def _manifest(version: PublishedVersion) -> dict[str, Any]:
    try:
        return json.loads((version.published / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise HourglassError(
            f"{version.published / MANIFEST} cannot be read. hourglass versions lists others."
        ) from None


def _replace(new: Path, path: Path) -> None:
    """Put ``new`` in the place of ``path``, whole or not at all, whatever happens to the power."""
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(path)
