"""The one error type whose message is meant for a person, and how messages count and name."""

import errno
import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

# Names that are suggested at most; characters that a part of a name has at least.
_MOST_NAMES = 3
_LEAST_PART = 3


class HourglassError(Exception):
    """Something a person can act on: shown as its message, without a stack trace.

    The message names the file, line and column where there are any, what was expected, what was
    found and what to do. It never contains personal data.

    ``exit_code`` is what the command line returns: 1 the run or check failed, 2 the call or the
    configuration is wrong, 3 somebody else is at work (a run is under way, the warehouse is open).
    ``may_pass``: the same can succeed later although nobody mended anything here.
    """

    def __init__(self, message: str, exit_code: int = 1, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.may_pass = may_pass


class UsageError(HourglassError):
    """The call, a setting or a declaration file is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=2)


class BusyError(HourglassError):
    """Another process holds what this one needs; trying again later can succeed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=3, may_pass=True)


def unusable(path: Path, error: OSError) -> UsageError:
    """A path that a person named and that cannot be read or written: why, and what to do."""
    failed = path if error.filename is None else Path(os.fsdecode(error.filename))
    # Path.exists raises for a name that is too long, from Python 3.12 on.
    places = (failed, *failed.parents)
    above = next((one for one in places if os.path.exists(one)), failed)  # noqa: PTH110
    missing = failed if above == failed.parent else f"folder {failed.parent}"
    why = {
        errno.ENOENT: f"there is no {missing}",
        errno.ENOTDIR: f"{above} is a file and no folder",
        errno.EEXIST: f"{failed} is a file and no folder",
        errno.EISDIR: "it is a folder and no file",
        errno.EACCES: "this user has no right to it",
        errno.EPERM: "this user has no right to it",
    }.get(error.errno or 0, error.strerror or type(error).__name__)
    return UsageError(f"{path} cannot be used: {why}. Name another, or mend that.")


def counted(number: int, one: str, several: str = "") -> str:
    """``1 row`` or ``1,234 rows``: a number and its noun; ``several`` is a plural without s."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def did_you_mean(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    """`` Did you mean ...?`` with the known names that ``name`` is a part of, or is like.

    The shortest come first, for the others are their variants; nothing where none is near. A part
    has three characters at least: two stand in every other name. ``prefix``: what all begin with,
    which is no likeness.
    """
    name = name.removeprefix(prefix)
    names = [one.removeprefix(prefix) for one in known]
    parts = [one for one in names if name in one] if len(name) >= _LEAST_PART else []
    near = sorted(parts or get_close_matches(name, names), key=len)[:_MOST_NAMES]
    return f" Did you mean {' or '.join(prefix + one for one in near)}?" if near else ""


def no_such(kind: str, name: str, known: Iterable[str]) -> str:
    """That there is no ``kind`` of this name; those like it, then all that there are."""
    names = list(known)
    meant = did_you_mean(name, names)
    return f"There is no {kind} {name}.{meant} There are: {', '.join(names) or 'none'}."
