"""What else a data directory holds: logs, Dagster's history, failing rows, exports, caches.

None of it should hold personal data, except exports, failing rows and working folders; all of it
is looked through. Rows of exports go, caches go as a whole, texts lose the identifiers.
"""

import os
import shutil
import sqlite3
from pathlib import Path

from dagster_project.engine.configuration import spark_folder
from dagster_project.errors import HourglassError
from dagster_project.identity.matching.overrides import overrides_path
from dagster_project.privacy.landing import drop_rows, found_in
from dagster_project.privacy.rows import redacted_sql, use_patterns
from dagster_project.privacy.search import ERASED, Patterns
from dagster_project.privacy.subject import Subject
from dagster_project.settings import Settings
from dagster_project.transform.project import cache_dir
from dagster_project.warehouse import connect_file, identifier, quoted

# Below warehouse/: working folders and caches, made again when they are needed. The folder of dbt
# holds code: a text that is also a word of code would be replaced there.
CACHES = (
    "load_work", "identity_pairs", "suppression_work", "failing_rows", "dbt", "spark_scratch",
)  # fmt: skip
# The parts of a data directory that other steps rewrite.
HANDLED = ("landing", "published", "restricted", "erasures")
CHUNK = 1 << 20


def clean_leftovers(settings: Settings, subject: Subject, patterns: Patterns) -> None:
    """Take the subject out of everything that no other step of an erasure rewrites.

    Raises HourglassError that names a file which holds the subject and cannot be rewritten.
    """
    for name in CACHES:
        shutil.rmtree(settings.warehouse_dir / name, ignore_errors=True)
    shutil.rmtree(spark_folder(settings), ignore_errors=True)
    for path in settings.warehouse_dir.glob("*.tmp"):
        shutil.rmtree(path, ignore_errors=True)
    # Workbooks are compressed, and any mart can be written again.
    shutil.rmtree(settings.exported_marts_dir, ignore_errors=True)
    for customer in subject.customer_ids:
        # What was handed over to them, see ``access``: names in it are no identifiers.
        shutil.rmtree(settings.exports_dir / "people" / customer, ignore_errors=True)
    _clean_decisions(settings, subject, patterns)
    # Code, and the socket on which dbt's server listens; in a container it lies in the data folder.
    code = cache_dir(settings).resolve()
    for folder, folders, files in os.walk(settings.data_dir):
        here = Path(folder)
        handled = HANDLED if here == settings.data_dir else ()
        folders[:] = [
            name for name in folders if name not in handled and (here / name).resolve() != code
        ]
        for name in sorted(files):
            path = here / name
            # A pipe would be waited for, a socket cannot be opened.
            is_file = path.is_file() and not path.is_symlink()
            if is_file and path != settings.warehouse_path:
                _clean(settings, path, patterns)


def _clean_decisions(settings: Settings, subject: Subject, patterns: Patterns) -> None:
    path = overrides_path(settings)
    if path.exists():
        records = {
            f"{table}/{key}"
            for table, kind in (("crm.contacts", "contact"), ("shop.accounts", "account"))
            for key in subject.records.get(kind, ())
        }
        drop_rows(
            path,
            lambda row: row["left_record"] in records or row["right_record"] in records,
            patterns,
        )


def _clean(settings: Settings, path: Path, patterns: Patterns) -> None:
    is_export = settings.exports_dir in path.parents
    if path.suffix == ".parquet":
        _clean_parquet(path, patterns)
    elif _is_sqlite(path):
        if _holds(path, patterns) or _holds(path.with_name(f"{path.name}-wal"), patterns):
            _clean_sqlite(path, patterns)
    elif path.name.endswith(("-wal", "-shm")) and _is_sqlite(
        path.with_name(path.name.removesuffix("-wal").removesuffix("-shm"))
    ):
        return
    elif is_export and path.suffix == ".csv":
        drop_rows(path, lambda _: False, patterns)
    elif _holds(path, patterns):
        _clean_text(path, patterns)


def _holds(path: Path, patterns: Patterns) -> bool:
    try:
        with path.open("rb") as file:
            return found_in(iter(lambda: file.read(CHUNK), b""), patterns)
    except FileNotFoundError:
        return False


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except FileNotFoundError:
        return False


def _clean_sqlite(path: Path, patterns: Patterns) -> None:
    """Replace identifiers in every text of a history, and write the file anew (VACUUM)."""
    try:
        with sqlite3.connect(path, timeout=60, isolation_level=None) as con:
            con.create_function("redacted", 1, _redacting(patterns), deterministic=True)
            tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                names = [row[1] for row in con.execute(f"PRAGMA table_info({identifier(table)})")]
                for name in names:
                    column = identifier(name)
                    con.execute(
                        f"UPDATE {identifier(table)} SET {column} = redacted({column}) "
                        f"WHERE typeof({column}) IN ('text', 'blob') "
                        f"AND redacted({column}) IS NOT {column}"
                    )
            con.execute("VACUUM")
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        con.close()
    except sqlite3.Error as error:
        raise HourglassError(
            f"{path} holds an erased person and cannot be rewritten ({type(error).__name__}). "
            "Close what has it open (hourglass ui) and run again: the erasure goes on from there."
        ) from None


def _redacting(patterns: Patterns):  # noqa: ANN202
    def redacted(value: object) -> object:
        if isinstance(value, str):
            return patterns.redacted(value)
        if isinstance(value, bytes) and patterns.is_in(value):
            return ERASED.encode()
        return value

    return redacted


def _clean_text(path: Path, patterns: Patterns) -> None:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    cleaned = patterns.redacted(text).encode("utf-8", "surrogateescape")
    if patterns.is_in(cleaned):
        raise HourglassError(
            f"{path} holds an erased person and is no file that can be rewritten. Remove it and "
            "run again: the erasure goes on from there."
        )
    new = path.with_name(f".{path.name}.erasing")
    new.write_bytes(cleaned)
    new.chmod(path.stat().st_mode & 0o777)
    new.replace(path)


def _clean_parquet(path: Path, patterns: Patterns) -> None:
    """Rows of an export or a check whose texts hold an identifier go."""
    if patterns.is_empty:
        return
    new = path.with_name(f".{path.name}.erasing")
    with connect_file(":memory:", allowed_dirs=(path.parent,)) as con:
        use_patterns(con, patterns)
        source = f"read_parquet({quoted(str(path))})"
        texts = [
            identifier(name)
            for name, kind, *_ in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
            if kind == "VARCHAR"
        ]
        held = " OR ".join(f"{redacted_sql(text)} IS DISTINCT FROM {text}" for text in texts)
        row = con.execute(f"SELECT count(*) FROM {source} WHERE {held or 'false'}").fetchone()
        if not row or not row[0]:
            return
        con.execute(
            f"COPY (SELECT * FROM {source} WHERE NOT ({held})) TO {quoted(str(new))} "
            "(FORMAT parquet, COMPRESSION zstd)"
        )
    new.chmod(path.stat().st_mode & 0o777)
    new.replace(path)
