"""What a build depends on, as one value: equal values mean that a rebuild changes nothing."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.contracts.folders import PROJECT_FOLDERS
from dagster_project.quality.fingerprint import columns_of
from dagster_project.settings import PACKAGE_DIR, PROJECT_ROOT, Settings, deciding_settings

CODE_FOLDERS = ("dagster_project", "dbt", "expectations")
# In an installed package, what is shipped beside the code lies below it.
LEFT_OUT_FOLDERS = frozenset(
    {"__pycache__", "target", "logs", "dbt_packages", "lint_context", "shipped"}
)
LEFT_OUT_SUFFIXES = frozenset({".pyc", ".log"})


def input_parts(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    *,
    as_of: date | None = None,
    root: Path = PROJECT_ROOT,
) -> dict[str, Any]:
    """What a build depends on, by what a person calls it; plain values that can be compared.

    ``as_of`` None: that of ``control.parameters``. Content decides and not paths or load order,
    so the same files under other names are the same inputs. Raises UsageError when the file of
    identity decisions is not one.
    """
    own = settings.project_dir
    return {
        "files": _loaded_files(con),
        "own definitions": own and _digest({name: own / name for name in PROJECT_FOLDERS}),
        "identity decisions": _decisions(con, settings),
        "settings": deciding_settings(settings),
        "as_of": str(as_of or _as_of(con)),
        "code": code_hash(root),
        "DuckDB": duckdb.__version__,
    }


def inputs_fingerprint(parts: Mapping[str, Any]) -> str:
    """SHA-256 over what :func:`input_parts` gives."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def changed_parts(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two builds' parts, in words; settings each by its name."""
    changed = []
    for name, value in now.items():
        was = before.get(name)
        if was == value:
            continue
        if name == "settings" and isinstance(was, Mapping):
            names = sorted(key for key in value if was.get(key) != value[key])
            changed += [f"setting {key} ({was.get(key)} to {value[key]})" for key in names]
        elif name in ("as_of", "DuckDB"):
            changed.append(f"{name} ({was} to {value})")
        else:
            changed.append(name)
    return changed


def code_hash(root: Path = PROJECT_ROOT) -> str:
    """SHA-256 over the names and contents of the project's code, models and suites."""
    folders = {name: root / name for name in CODE_FOLDERS}
    if not folders["dagster_project"].is_dir():
        # In an installed package the rest lies below the code.
        folders["dagster_project"] = PACKAGE_DIR
    return _digest(folders)


def _digest(folders: Mapping[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, folder in folders.items():
        for path in sorted(_files(folder)):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{name}/{path.relative_to(folder)} {content}\n".encode())
    return digest.hexdigest()


def _files(start: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(start):
        names[:] = [name for name in names if name not in LEFT_OUT_FOLDERS]
        for name in files:
            path = Path(folder) / name
            if path.suffix not in LEFT_OUT_SUFFIXES and not name.startswith("."):
                yield path


def _decisions(con: duckdb.DuckDBPyConnection, settings: Settings) -> str:
    """Digest of what people decided about identities: the file, or what a lost one held."""
    # Brings numpy with it, which nothing else here needs.
    from dagster_project.identity.matching.overrides import COLUMNS, overrides_path, read_overrides

    if overrides_path(settings).exists():
        rows = sorted(read_overrides(overrides_path(settings)))
        known = [tuple(getattr(row, name) for name in COLUMNS) for row in rows]
    elif columns_of(con, "identity", "overrides"):
        known = con.execute(
            f"SELECT {', '.join(COLUMNS)} FROM identity.overrides ORDER BY ALL"
        ).fetchall()
    else:
        known = []
    return hashlib.sha256(repr(known).encode()).hexdigest()


def _loaded_files(con: duckdb.DuckDBPyConnection) -> str:
    """Digest of the ledger: which contents were loaded, into what, with which outcome."""
    columns = columns_of(con, "ledger", "files")
    compared = [
        name
        for name in ("file_hash", "system_or_mapping", "delivered_on", "accepted", "erased")
        if name in columns
    ]
    if not compared:
        return ""
    rows = con.execute(
        f"SELECT DISTINCT {', '.join(compared)} FROM ledger.files ORDER BY ALL"
    ).fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def _as_of(con: duckdb.DuckDBPyConnection) -> date | None:
    row = con.execute("SELECT as_of FROM control.parameters").fetchone()
    return row[0] if row else None
