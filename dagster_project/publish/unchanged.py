"""Unchanged files: the Parquet of marts that hold what the version before them holds.

They are linked, not written again: seven versions cost the disk what changed between them. Nobody
writes into a file of a version; an erasure makes new ones (``privacy/versions.py``).
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import duckdb

from dagster_project.publish.versions import PublishedVersion
from dagster_project.quality.fingerprint import VOLATILE_COLUMNS
from dagster_project.quality.results import GateRecord
from dagster_project.quality.volume import MANIFEST


def unchanged_parquet(
    before: PublishedVersion | None, marts: Mapping[str, str], gate: GateRecord
) -> dict[str, Path]:
    """The file in ``before`` of each public mart whose rows are those that ``gate`` checked.

    Only files that are still, byte by byte, what was verified when they were written. A digest of
    another DuckDB version says nothing.
    """
    if before is None:
        return {}
    try:
        manifest = json.loads((before.published / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if manifest.get("duckdb_version") != duckdb.__version__:
        return {}
    found = {}
    for name, schema in marts.items():
        place = f"parquet/{name}.parquet"
        then, now = manifest.get("marts", {}).get(name), gate.fingerprints.get(name)
        is_same = then and now and (then["rows"], then["digest"]) == (now.rows, now.digest)
        if schema == "marts" and is_same and name not in VOLATILE_COLUMNS:
            written = manifest.get("files", {}).get(place, {}).get("sha256")
            with suppress(OSError), (before.published / place).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == written:
                    found[name] = before.published / place
    return found


def link(earlier: Path, new: Path) -> bool:
    """Whether ``new`` is now the same file as ``earlier``; not on a disk that has no links."""
    try:
        os.link(earlier, new)
    except OSError:
        return False
    return True
