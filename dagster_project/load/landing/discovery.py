"""Discovery: which files lie under landing/, what each one feeds, and which are not read.

Only names and file attributes are looked at: no file is opened here.
"""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatch
from pathlib import Path

from dagster_project.contracts import System

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".zip": "zip",
}
UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".download")

# A folder ``shop@de`` holds what the instance ``de`` of the system or mapping ``shop`` delivers.
INSTANCE_SIGN = "@"
_INSTANCE = re.compile(r"[a-z0-9][a-z0-9_-]*")
_DATE_IN_NAME = re.compile(r"(?<!\d)(\d{4})([-_.]?)(\d{2})\2(\d{2})(?!\d)")


@dataclass(frozen=True)
class Delivery:
    """One file as it lies in landing; ``target`` is ``system.table`` or a mapping's name.

    Both are followed by ``@instance`` where the folder names one, as is ``system_or_mapping``.
    ``name`` is the path below landing with forward slashes, as the ledger and messages show it.
    ``format`` and ``compression`` follow from the name; an unknown ending gives format "".
    """

    path: Path
    name: str
    system_or_mapping: str
    target: str
    format: str
    compression: str | None
    size_bytes: int
    mtime_ns: int
    delivered_on: date | None

    @property
    def unpacked_bytes(self) -> int:
        """About as many as are to be read: tables of text are packed to an eighth or so."""
        return self.size_bytes * (8 if self.compression else 1)


@dataclass(frozen=True)
class SkippedPath:
    """A path that is not read; ``waiting`` when a later run may read it."""

    name: str
    reason: str
    message: str
    waiting: bool = False


@dataclass
class Discovery:
    deliveries: list[Delivery] = field(default_factory=list)
    skipped: list[SkippedPath] = field(default_factory=list)


Patterns = Mapping[str, Collection[str]]


def discover(landing: Path, systems: dict[str, System], mappings: Patterns) -> Discovery:
    """Every file below ``landing``, sorted by name, with what it feeds.

    ``mappings`` has, by mapping, the patterns of the names of its files.
    A folder or file name that the contract does not know is skipped, with a message that names the
    known ones. Hidden files and those that start with an underscore are markers of other tools and
    are passed over. Symbolic links that leave ``landing`` are skipped.
    """
    found = Discovery()
    if not landing.is_dir():
        return found
    root = landing.resolve()
    for folder, names, files in os.walk(
        landing, onerror=lambda error: _skip_folder(error, landing, found)
    ):
        here = Path(folder)
        names[:] = sorted(n for n in names if not _is_marker(n) and _may_enter(here / n, found))
        for name in sorted(files):
            path = here / name
            if _is_marker(name):
                continue
            if not _is_text(str(path.relative_to(landing))):
                found.skipped.append(_odd_name(_shown(path, landing)))
            else:
                _add(path, path.relative_to(landing).as_posix(), root, systems, mappings, found)
    found.deliveries.sort(key=lambda delivery: delivery.name)
    return found


def delivery_date(name: str) -> date | None:
    """The last valid date in a relative path, the file's own name first; None without one."""
    parts = name.split("/")
    for part in (parts[-1], *reversed(parts[:-1])):
        for match in reversed(list(_DATE_IN_NAME.finditer(part))):
            try:
                return date(int(match[1]), int(match[3]), int(match[4]))
            except ValueError:
                continue
    return None


def format_of(name: str) -> tuple[str, str | None]:
    """(format, compression) by the endings of a file name; format "" when it is not known."""
    path = Path(name.lower())
    compression = COMPRESSIONS.get(path.suffix)
    if compression:
        path = path.with_suffix("")
    return FORMATS.get(path.suffix, ""), compression


def table_of(stem: str, tables: list[str]) -> str | None:
    """The table whose name begins ``stem``: the longest one that is not followed by a letter."""
    lowered = stem.lower()
    for table in sorted(tables, key=len, reverse=True):
        if lowered.startswith(table) and not lowered[len(table) : len(table) + 1].isalpha():
            return table
    return None


def _skip_folder(error: OSError, landing: Path, found: Discovery) -> None:
    name = _shown(Path(error.filename), landing)
    found.skipped.append(
        SkippedPath(
            name,
            "unreadable_folder",
            f"The folder {name} cannot be read, and nothing in it was. Let the user who runs "
            "Hourglass read it.",
        )
    )


def _shown(path: Path, landing: Path) -> str:
    """A path below landing as text; bytes that are none become question marks."""
    name = path.relative_to(landing).as_posix()
    return name.encode("utf-8", "replace").decode()


def _is_marker(name: str) -> bool:
    return name.startswith((".", "_")) or name.lower() in {"thumbs.db", "desktop.ini"}


def _may_enter(path: Path, found: Discovery) -> bool:
    if not path.is_symlink():
        return True
    found.skipped.append(
        SkippedPath(
            path.name,
            "symbolic_link",
            f"The folder {path.name} is a symbolic link and is not followed. "
            "Put the files themselves into landing/.",
        )
    )
    return False


def _add(
    path: Path,
    name: str,
    root: Path,
    systems: dict[str, System],
    mappings: Patterns,
    found: Discovery,
) -> None:
    if name.lower().endswith(UNFINISHED):
        found.skipped.append(
            SkippedPath(
                name, "unfinished", f"{name} is still being written; it waits.", waiting=True
            )
        )
        return
    if path.is_symlink() and not _inside(path, root):
        found.skipped.append(
            SkippedPath(
                name,
                "symbolic_link",
                f"{name} is a symbolic link that leaves landing/ and is not read. "
                "Put the file itself into landing/.",
            )
        )
        return
    target = _target(name, systems, mappings)
    try:
        path.stat()
        if not path.is_file():
            found.skipped.append(
                SkippedPath(name, "no_file", f"{name} is no ordinary file and is not read.")
            )
        elif isinstance(target, SkippedPath):
            found.skipped.append(target)
        elif not os.access(path, os.R_OK):
            found.skipped.append(no_permission(name))
        else:
            found.deliveries.append(delivery(path, name, target))
    except OSError:
        found.skipped.append(
            SkippedPath(name, "vanished", f"{name} went away while it was looked at.", waiting=True)
        )


def delivery(path: Path, name: str, target: str) -> Delivery:
    """The file at ``path`` as a delivery called ``name`` that feeds ``target``."""
    status = path.stat()
    kind, compression = format_of(name)
    return Delivery(
        path=path,
        name=name,
        system_or_mapping=_folder_of(target),
        target=target,
        format=kind,
        compression=compression,
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        delivered_on=delivery_date(name),
    )


def split_instance(name: str) -> tuple[str, str | None]:
    """(name without its instance, the instance): ``shop.orders@de`` gives (shop.orders, de)."""
    base, sign, instance = name.partition(INSTANCE_SIGN)
    return base, instance if sign else None


def _folder_of(target: str) -> str:
    base, instance = split_instance(target)
    folder = base.split(".")[0]
    return folder if instance is None else f"{folder}{INSTANCE_SIGN}{instance}"


def _inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        # A link to itself; Python 3.11 and 3.12 have a RuntimeError for it.
        return False


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _odd_name(name: str) -> SkippedPath:
    return SkippedPath(
        name,
        "odd_name",
        f"The name {name} is no text in UTF-8 and the file is not read. Rename it.",
    )


def no_permission(name: str) -> SkippedPath:
    """A file that the user who runs the load may not read."""
    return SkippedPath(
        name,
        "no_permission",
        f"{name} may not be read. Let the user who runs Hourglass read it.",
    )


def is_named_as(name: str, patterns: Collection[str]) -> bool:
    """Whether a file's name fits one of a mapping's patterns, in either case."""
    return any(fnmatch(name.lower(), pattern.lower()) for pattern in patterns)


def _target(name: str, systems: dict[str, System], mappings: Patterns) -> str | SkippedPath:
    known = f"Known systems: {', '.join(systems)}. Known mappings: {', '.join(sorted(mappings))}."
    parts = name.split("/")
    if len(parts) == 1:
        return SkippedPath(
            name,
            "no_folder",
            f"{name} lies in no system's folder, so nothing says what it is. Move it to "
            f"landing/<system>/<table>.csv or landing/<mapping>/. {known}",
        )
    folder, instance = split_instance(parts[0])
    if instance is not None and not _INSTANCE.fullmatch(instance):
        return SkippedPath(
            name,
            "unknown_folder",
            f"{name}: the instance behind {INSTANCE_SIGN} must be small letters, digits, - and _, "
            "such as shop@de. Rename the folder.",
        )
    suffix = "" if instance is None else f"{INSTANCE_SIGN}{instance}"
    if folder in mappings:
        if is_named_as(parts[-1], mappings[folder]):
            return f"{folder}{suffix}"
        return SkippedPath(
            name,
            "unknown_file",
            f"{name}: the mapping {folder} reads files that are called "
            f"{' or '.join(mappings[folder])}. Rename the file, or take it away.",
        )
    if folder not in systems:
        return SkippedPath(
            name,
            "unknown_folder",
            f"{name}: no system or mapping is called {folder!r}. Rename the folder. {known}",
        )
    tables = list(systems[folder].tables)
    table = table_of(parts[1], tables)
    if table is None:
        return SkippedPath(
            name,
            "unknown_table",
            f"{name}: {folder} has no table of that name. Begin the file's name with one of "
            f"{', '.join(tables)}.",
        )
    return f"{folder}.{table}{suffix}"
