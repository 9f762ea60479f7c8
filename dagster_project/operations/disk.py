"""Disk room: what a run is expected to need, and what there is, before it begins."""

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.publish import list_versions
from dagster_project.settings import Settings

# Of the warehouse: tables are written anew beside the old ones before those are freed.
REWRITTEN_SHARE = 0.5
# Of landing/, before the first run: raw tables, marts and Parquet of the sample were five times its
# compressed files (November 2026).
FIRST_RUN_FACTOR = 6
LEAST_BYTES = 20_000_000
NO_ROOM_OR_RIGHT = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
)
SAID_BY_THE_DISK = ("No space left", "Could not write file", "Read-only file system")
# So many runs ahead it is time to say so.
RUNS_AHEAD = 3


@dataclass(frozen=True)
class Room:
    """Bytes ``free`` on the data directory's disk, and those that one run is expected to need."""

    free: int
    needed: int
    folder: Path

    @property
    def is_low(self) -> bool:
        """Whether a few more runs would not fit."""
        return self.free < RUNS_AHEAD * self.needed

    @property
    def sentence(self) -> str:
        """Both, for a person."""
        return (
            f"The disk of {self.folder} has {megabytes(self.free)} free, and a run needs about "
            f"{megabytes(self.needed)}."
        )


def room_for_a_run(settings: Settings) -> Room:
    """Estimated from the newest version and the warehouse, before the first run from landing/."""
    folder = settings.data_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    versions = list_versions(settings)
    if versions:
        newest = _size(versions[-1].published) + _size(versions[-1].restricted)
        needed = newest + int(REWRITTEN_SHARE * _size(settings.warehouse_dir))
    else:
        needed = FIRST_RUN_FACTOR * _size(settings.landing_dir)
    return Room(free, max(needed, LEAST_BYTES), settings.data_dir)


def require_room(settings: Settings) -> None:
    """Raise HourglassError when a run is not expected to fit on the disk."""
    room = room_for_a_run(settings)
    if room.free < room.needed:
        raise HourglassError(
            f"{room.sentence} The run was not started; the version in force stays. Make room, or "
            "keep fewer versions (HOURGLASS_KEEP_VERSIONS), then run again.",
            may_pass=True,
        )


def is_of_the_disk(error: BaseException) -> bool:
    """Whether the disk, or a file on it, is what failed: no repetition helps."""
    if isinstance(error, OSError):
        return error.errno in NO_ROOM_OR_RIGHT
    if isinstance(error, duckdb.IOException | duckdb.FatalException):
        return True
    # A commit that does not fit is a TransactionException, which others are too.
    return isinstance(error, duckdb.Error) and any(text in str(error) for text in SAID_BY_THE_DISK)


def disk_failure(settings: Settings, error: BaseException) -> HourglassError:
    """What a person is told of an error for which :func:`is_of_the_disk` holds."""
    why = error.strerror if isinstance(error, OSError) else type(error).__name__
    where = error.filename if isinstance(error, OSError) else settings.warehouse_path
    room = room_for_a_run(settings)
    if room.free < room.needed:
        return HourglassError(
            f"{where or settings.data_dir} could not be written ({why}). {room.sentence} The "
            "version in force stays. Make room, then run again.",
            may_pass=True,
        )
    return HourglassError(
        f"{where or settings.data_dir} could not be read or written ({why}): the disk was full, "
        "the folder is not this user's, or the file is damaged. The version in force stays. Run "
        "again; if it fails again with room on the disk, move "
        f"{settings.warehouse_path} aside: the next run builds it from landing/ and the published "
        "versions.",
        may_pass=True,
    )


def megabytes(size: int) -> str:
    """A size in MB as a person reads it."""
    return f"{size / 1e6:,.0f} MB"


def _size(folder: Path) -> int:
    total = 0
    for here, _, files in os.walk(folder):
        for name in files:
            try:
                total += (Path(here) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total
