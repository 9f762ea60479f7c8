"""Unchanged files: the Parquet of marts that hold what the version before them holds.

They are linked, not written again: seven versions cost the disk what changed between them. Nobody
writes into a file of a version: an erasure makes new ones, which versions share as the old ones did
(``privacy/versions.py``).
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import duckdb

from dagster_project.publish.versions import PublishedVersion
from dagster_project.quality.fingerprint import VOLATILE_COLUMNS
from dagster_project.quality.results import Fingerprint
from dagster_project.quality.volume import MANIFEST


def unchanged_parquet(
    before: PublishedVersion | None, marts: Iterable[str], now: Mapping[str, Fingerprint]
) -> dict[str, Path]:
    """The file in ``before`` of each of ``marts`` whose rows are those of ``now``.

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
    for name in marts:
        place = f"parquet/{name}.parquet"
        then, mark = manifest.get("marts", {}).get(name), now.get(name)
        is_same = then and mark and (then["rows"], then["digest"]) == (mark.rows, mark.digest)
        if is_same and name not in VOLATILE_COLUMNS:
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


def link_instead(earlier: Path, new: Path) -> None:
    """Make ``new``, which is there and equal, the same file as ``earlier``; where links are none it
    stays.
    """
    spare = new.with_suffix(".link")
    if link(earlier, spare):
        spare.replace(new)
