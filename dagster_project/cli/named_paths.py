"""Paths that a command names: what is said when one of them cannot be read or written.

An error of the system at any other path is none of the caller's.
"""

import errno
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from dagster_project.errors import UsageError, unusable

# Where the disk is full, another name would not help.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def unusable_path(error: BaseException, arguments: list[str]) -> UsageError | None:
    """What a person is told when ``error`` came of a path among ``arguments``; else None."""
    if not isinstance(error, OSError) or error.errno in _NO_ROOM:
        return None
    for name in (error.filename, error.filename2):
        if not isinstance(name, str | bytes | os.PathLike):
            continue
        failed = Path(os.fsdecode(name)).absolute()
        for given in _paths(arguments):
            if _is_of(failed, given.absolute()):
                return unusable(given, error)
    return None


def data_dir(arguments: list[str]) -> Path | None:
    """What stands behind ``--data-dir``; the last one counts, as in the commands."""
    found = None
    for name, value in pairwise([*arguments, ""]):
        if name == "--data-dir":
            found = value
        elif name.startswith("--data-dir="):
            found = name.partition("=")[2]
    return Path(found) if found else None


def _paths(arguments: list[str]) -> Iterator[Path]:
    """Each argument and each option's value; not the data directory, whose files are ours."""
    own = data_dir(arguments)
    for argument in arguments[1:]:
        text = argument.partition("=")[2] if argument.startswith("--") else argument
        if text and Path(text) != own:
            yield Path(text)


def _is_of(failed: Path, given: Path) -> bool:
    """Whether ``failed`` is ``given``, lies below it, is missing above it, or is written beside it
    to take its place."""
    return (
        failed == given
        or given in failed.parents
        # Path.is_dir raises for a name that is too long, from Python 3.12 on.
        or (failed in given.parents and not os.path.isdir(failed))  # noqa: PTH112
        or (failed.parent == given.parent and given.name in failed.name)
    )
