"""Kept versions without the erased: each is written anew under a new name, and the old one removed.

Databases are copied (``version_copy``), Parquet files written from the copy, and identifiers in
texts (report, gate record) replaced.
"""

import json
import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.privacy.search import Patterns
from dagster_project.privacy.version_copy import (
    Erased,
    copy_marts,
    copy_restricted,
    ids_then,
    set_subject,
)
from dagster_project.publish.descriptions import descriptions_in, metadata_of
from dagster_project.publish.flip import (
    building_folder,
    discard,
    publishing,
    put_in_force,
    sync_folder,
    sync_tree,
)
from dagster_project.publish.reading import attach_marts, detach_marts, marts_in, parquet_of
from dagster_project.publish.unchanged import link_instead, unchanged_parquet
from dagster_project.publish.versions import (
    DATABASE,
    NAME_FORMAT,
    RESTATED,
    RESTRICTED_DATABASE,
    PublishedVersion,
    list_versions,
    version_in_force,
    version_of,
)
from dagster_project.publish.writing import described_files, write_json, write_parquet
from dagster_project.quality.fingerprint import fingerprint_of
from dagster_project.quality.results import Fingerprint
from dagster_project.settings import Settings
from dagster_project.warehouse import attach_file, connect_file, identifier


def rewrite_versions(settings: Settings, names: Sequence[str], erased: Erased) -> None:
    """Rewrite the versions of these names that still exist; the one in force stays in force."""
    earlier = None
    for name in names:
        with publishing(settings):
            present = {version.name for version in list_versions(settings)}
            if name in present:
                earlier = _rewrite(settings, version_of(settings, name), erased, earlier)
    # Direct identifiers whose marts are gone: a published/ that was lost, or cleaned by hand.
    with publishing(settings):
        marts = {version.name for version in list_versions(settings)}
        for folder in sorted((settings.restricted_dir / "versions").iterdir()):
            if folder.name in names and folder.name not in marts:
                _rewrite_restricted(settings, version_of(settings, folder.name), erased)


def version_names(settings: Settings) -> list[str]:
    """Every version that is to be rewritten, also one of which only the restricted part is left."""
    found = {version.name for version in list_versions(settings)}
    folder = settings.restricted_dir / "versions"
    if folder.is_dir():
        found |= {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    return sorted(found)


def _rewrite(
    settings: Settings, old: PublishedVersion, erased: Erased, earlier: PublishedVersion | None
) -> PublishedVersion:
    """The new version, which shares files that are equal with ``earlier``, rewritten before it."""
    before, new = _successor(settings, old), _next(settings, old)
    if before.published.exists() and erased.memory.erasure_id in _erasures(before):
        # Killed after the copy was complete.
        discard(old)
        return before
    is_in_force = version_in_force(settings) == old
    published, restricted = building_folder(new.published), building_folder(new.restricted)
    for folder in (published, restricted):
        shutil.rmtree(folder, ignore_errors=True)
    published.mkdir(parents=True)
    restricted.mkdir(parents=True, mode=0o700)
    with connect_file(
        ":memory:",
        allowed_dirs=(settings.published_dir, settings.restricted_dir),
        memory_limit=settings.memory_limit,
        threads=settings.threads,
    ) as con:
        pure, mixed = ids_then(con, old.restricted / RESTRICTED_DATABASE, erased.subject)
        set_subject(con, erased.subject, pure, mixed)
        copy_restricted(
            con, old.restricted / RESTRICTED_DATABASE, restricted / RESTRICTED_DATABASE, erased
        )
        copy_marts(con, old.published, published, erased)
        marts = _restricted_marts(con, restricted / RESTRICTED_DATABASE)
        marts |= _write_parquet(con, published, earlier)
    (restricted / RESTRICTED_DATABASE).chmod(0o600)
    _copy_texts(old.published, published, erased.patterns)
    # The copy, for its comparison with the version before names ids.
    manifest = json.loads((published / "manifest.json").read_text(encoding="utf-8"))
    manifest["version"] = new.name
    # Which wrote these files and their digests.
    manifest["duckdb_version"] = duckdb.__version__
    manifest["marts"] = {
        name: facts | ({"rows": mark.rows, "digest": mark.digest} if mark else {})
        for name, facts in manifest["marts"].items()
        for mark in [marts.get(name)]
    }
    manifest["erasures"] = [*manifest.get("erasures", []), erased.memory.erasure_id]
    (published / "manifest.json").unlink(missing_ok=True)
    write_json(published / "manifest.json", manifest | {"files": described_files(published)})
    sync_tree(published)
    sync_tree(restricted)
    if is_in_force:
        put_in_force(settings, new, is_new=True)
    else:
        # Restricted first: a version is complete when its published folder has its name.
        for folder in (new.restricted, new.published):
            shutil.rmtree(folder, ignore_errors=True)
            building_folder(folder).rename(folder)
            sync_folder(folder.parent)
    discard(old)
    return new


def _rewrite_restricted(settings: Settings, old: PublishedVersion, erased: Erased) -> None:
    new = _successor(settings, old)
    folder = building_folder(new.restricted)
    for leftover in (folder, new.restricted):
        shutil.rmtree(leftover, ignore_errors=True)
    folder.mkdir(mode=0o700)
    with connect_file(":memory:", allowed_dirs=(settings.restricted_dir,)) as con:
        pure, mixed = ids_then(con, old.restricted / RESTRICTED_DATABASE, erased.subject)
        set_subject(con, erased.subject, pure, mixed)
        copy_restricted(
            con, old.restricted / RESTRICTED_DATABASE, folder / RESTRICTED_DATABASE, erased
        )
    (folder / RESTRICTED_DATABASE).chmod(0o600)
    sync_tree(folder)
    folder.rename(new.restricted)
    discard(old)


def _next(settings: Settings, old: PublishedVersion) -> PublishedVersion:
    """A name that was never used, directly after the old one's: the order of versions stays."""
    new = _successor(settings, old)
    while new.published.exists():
        new = _successor(settings, new)
    return new


def _successor(settings: Settings, old: PublishedVersion) -> PublishedVersion:
    """The version named a microsecond later, restated when ``old`` is."""
    name = (old.published_at + timedelta(microseconds=1)).strftime(NAME_FORMAT)
    return version_of(settings, name + (RESTATED if old.is_restated else ""))


def _erasures(version: PublishedVersion) -> list[str]:
    path = version.published / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8")).get("erasures", [])


def _restricted_marts(con: duckdb.DuckDBPyConnection, path: Path) -> dict[str, Fingerprint]:
    """Rows and digest of every restricted mart of the new file."""
    attach_file(con, path, "new_version")
    try:
        return _fingerprints(con)
    finally:
        con.execute("DETACH new_version")


def _fingerprints(con: duckdb.DuckDBPyConnection) -> dict[str, Fingerprint]:
    return {
        name: fingerprint_of(con, f"new_version.main.{identifier(name)}", name)
        for name in marts_in(con, "new_version")
    }


def _write_parquet(
    con: duckdb.DuckDBPyConnection, folder: Path, earlier: PublishedVersion | None
) -> dict[str, Fingerprint]:
    """Write the Parquet of the new marts that are not Parquet alone; rows and digest of all.

    Files that are equal with those of ``earlier`` become the same.
    """
    attach_marts(con, folder, "new_version")
    try:
        marts = _fingerprints(con)
        unchanged = unchanged_parquet(earlier, marts, marts)
        said = descriptions_in(con, "new_version")
        for name in marts:
            path, same = parquet_of(folder, name), unchanged.get(name)
            if not path.exists():
                table = f"new_version.main.{identifier(name)}"
                write_parquet(con, table, path, said.get(name, {}), same)
            elif same and metadata_of(con, same) == metadata_of(con, path):
                link_instead(same, path)
    finally:
        detach_marts(con, "new_version")
    return marts


def _copy_texts(old: Path, new: Path, patterns: Patterns) -> None:
    """Everything of a version that is no table: report, gate record, manifest."""
    for path in sorted(path for path in old.rglob("*") if path.is_file()):
        name = path.relative_to(old)
        if name.parts[0] == "parquet" or name.name == DATABASE:
            continue
        data = path.read_bytes()
        if not patterns.is_empty and patterns.is_in(data):
            try:
                data = patterns.redacted(data.decode("utf-8")).encode()
            except UnicodeDecodeError:
                raise HourglassError(
                    f"{name} of a published version holds an erased person and is no text. "
                    "Remove that version and forget again."
                ) from None
        target = new / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
