"""Settling: whether a delivered file is whole, or somebody may still be writing it.

A file that held still for the installation's ``settle_seconds`` is whole; one that looks cut off
(its last line has no end, its archive or document no tail) must hold still longer. Nobody waits
for ever: after that it is taken as it is, and a later content of its path replaces it.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from dagster_project.load.landing.discovery import Delivery, Discovery, SkippedPath, delivery
from dagster_project.load.reading.file_content import DamagedFileError, read_chunks

# Empty files by which other tools say that the folder beside them is complete.
MARKERS = ("_SUCCESS", "_COMPLETE")
# How much longer a file waits that looks cut off.
CUT_OFF_FACTOR = 12
_TAIL = 1 << 10
_ZIP_TAIL = b"PK\x05\x06"
_ZIP_TAIL_WITHIN = 1 << 16


def hold_unsettled(
    found: Discovery, is_known: Iterable[bool], settle_seconds: float, now: float
) -> Discovery:
    """``found`` without the new files that may still be written; those wait.

    ``is_known`` says of each delivery whether its content was read before. ``now`` is in seconds
    since 1970.
    """
    settled = Discovery(skipped=list(found.skipped))
    for file, known in zip(found.deliveries, is_known, strict=True):
        at = None if known else taken_at(file, settle_seconds, now)
        if at is None:
            settled.deliveries.append(file)
            continue
        taken = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
        settled.skipped.append(
            SkippedPath(
                file.name,
                "unsettled",
                f"{file.name} changed a moment ago and may still be written. A run from "
                f"{taken} on takes it, or one with --now.",
                waiting=True,
            )
        )
    return settled


def taken_at(delivery: Delivery, settle_seconds: float, now: float) -> float | None:
    """When a file that does not hold still long enough will be taken; None when it is whole."""
    changed = delivery.mtime_ns / 1e9
    age = now - changed
    # A time of change in the future is another machine's clock, and says nothing.
    if age < -settle_seconds or age >= settle_seconds * CUT_OFF_FACTOR or _is_marked(delivery):
        return None
    if looks_cut_off(delivery):
        return changed + settle_seconds * CUT_OFF_FACTOR
    return changed + settle_seconds if age < settle_seconds else None


def is_held_back(path: Path, settle_seconds: float) -> bool:
    """Whether a run that starts now would let the file at ``path`` wait."""
    try:
        return taken_at(delivery(path, path.name, ""), settle_seconds, time.time()) is not None
    except OSError:
        return False


def looks_cut_off(delivery: Delivery) -> bool:
    """Whether a file ends where none of its kind ends; compressed text is unpacked to its end."""
    if delivery.size_bytes == 0:
        return False
    try:
        if delivery.compression:
            return _is_cut_archive(delivery)
        with delivery.path.open("rb") as file:
            within = _ZIP_TAIL_WITHIN if delivery.format in ("zip", "xlsx") else _TAIL
            file.seek(-min(within, delivery.size_bytes), 2)
            tail = file.read()
    except OSError:
        return False
    if delivery.format in ("zip", "xlsx"):
        return _ZIP_TAIL not in tail
    if delivery.format == "parquet":
        return not tail.endswith(b"PAR1")
    if delivery.format == "json":
        return tail.rstrip(b"\x00\r\n\t ")[-1:] not in (b"]", b"}")
    # In UTF-16 a line feed has a zero before or behind it.
    return not tail.rstrip(b"\x00").endswith((b"\n", b"\r"))


def _is_cut_archive(delivery: Delivery) -> bool:
    try:
        for _ in read_chunks(delivery.path, delivery.compression):
            pass
    except DamagedFileError as error:
        return error.reason == "truncated"
    return False


def _is_marked(delivery: Delivery) -> bool:
    return any(
        marker.exists() and marker.stat().st_mtime_ns >= delivery.mtime_ns
        for marker in (Path(delivery.path.parent) / name for name in MARKERS)
    )
