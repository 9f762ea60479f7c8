"""States of increments on Spark, as files beside the tables: how they are read and forgotten.

They are written by ``increments``, which says what lies in the folder of a table; the files of raw
tables by ``tables``. Nothing here needs Spark.
"""

import json
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

STATE = "_state.json"
# Of a raw table: the files whose records it has (``tables.hand_over``).
FILES = "_files.json"
BUCKET = "_bucket"
# Changes with what is written here, as does every version of this package.
LAYOUT = "1"


def layout() -> str:
    """Of which version a state has to be."""
    return f"{LAYOUT} {metadata.version('hourglass')}"


def read_state(table: Path) -> dict[str, Any] | None:
    """The state in the folder of a table; none where it cannot be gone on from.

    A folder that it names and that is gone is such a case: Spark would read the rest of the table.
    """
    try:
        state: dict[str, Any] = json.loads((table / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    folders = [*state.get("rows", ()), *changes_folders(state)]
    is_whole = bool(state.get("rows")) and all((table / folder).is_dir() for folder in folders)
    return state if state.get("layout") == layout() and is_whole else None


def forget_states(folder: Path) -> None:
    """Have the next build write every table below ``folder`` anew."""
    for state in [*folder.glob(f"*/*/{STATE}"), *folder.glob(f"*/*/{FILES}")]:
        state.unlink(missing_ok=True)


def listed(files: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Files in an order of their own; a day or a time of loading may be missing."""
    return sorted(files, key=lambda file: [str(part) for part in file])


def raw_records(folder: Path) -> int:
    """Records of all raw tables below ``folder``, as they were handed over."""
    files = [read_files(path.parent) or set() for path in folder.glob(f"*/*/{FILES}")]
    return sum(int(file[3]) for table in files for file in table)


def changes_folders(state: Mapping[str, Any]) -> list[str]:
    """Folders of the changes that are kept, below that of the table."""
    return [f"changes-{generation}" for generation in state.get("changes", ())]


def read_files(table: Path) -> set[tuple[Any, ...]] | None:
    """The files that a raw table was handed over with; none where nothing says so."""
    try:
        return {tuple(file) for file in json.loads((table / FILES).read_text(encoding="utf-8"))}
    except (OSError, ValueError):
        return None
