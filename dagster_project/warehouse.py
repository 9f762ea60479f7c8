"""The one place that opens DuckDB.

Every connection can reach only the folders it is given, loads no extension that was not linked
in, and cannot be reconfigured by the SQL that runs on it: mappings, audiences and expectations
are data that somebody wrote.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dagster_project.contracts import SYSTEMS
from dagster_project.errors import BusyError, HourglassError
from dagster_project.private_files import FILE_MODE, private_folder
from dagster_project.settings import Settings

# Below so many bytes a disk is full: DuckDB writes blocks of 256 KB.
LEAST_FREE = 1_000_000
SCHEMAS = (*SYSTEMS, "ledger", "control", "identity", "quality")
# What is published: the marts, and apart from them the tables with direct identifiers.
PUBLISHED_SCHEMAS = ("marts", "restricted")


def quoted(text: str) -> str:
    """``text`` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """``name`` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def connect_file(
    path: Path | str,
    *,
    read_only: bool = False,
    allowed_dirs: Iterable[Path] = (),
    memory_limit: str | None = None,
    threads: int | None = None,
    keep_order: bool = False,
) -> duckdb.DuckDBPyConnection:
    """Open one DuckDB file (or ``:memory:``), confined to its own and ``allowed_dirs``.

    ``keep_order``: rows keep the order of the files they are read from, which line numbers need
    and which takes more memory.

    Raises BusyError that names the process which holds the file, HourglassError when the file is
    damaged or cannot be opened.
    """
    config: dict[str, str | bool | int] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": keep_order,
    }
    if memory_limit:
        config["memory_limit"] = memory_limit
    if threads:
        config["threads"] = threads
    try:
        con = duckdb.connect(str(path), read_only=read_only, config=config)
    except duckdb.IOException as error:
        raise _cannot_open(Path(path), str(error)) from None
    except duckdb.Error:
        raise _unreadable(Path(path)) from None
    folders = [Path(folder) for folder in allowed_dirs]
    if str(path) != ":memory:":
        folders.append(Path(path).parent)
    listed = ", ".join(quoted(f"{folder}/") for folder in dict.fromkeys(folders))
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"SET allowed_directories = [{listed}]")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    return con


def attach_file(con: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    """Attach one DuckDB file to ``con`` as ``name``, to be read only.

    Raises HourglassError when it is missing, damaged or cannot be opened.
    """
    if not path.is_file():
        raise HourglassError(f"{path} is missing. hourglass versions lists those that are whole.")
    try:
        con.execute(f"ATTACH {quoted(str(path))} AS {name} (READ_ONLY)")
    except duckdb.IOException as error:
        raise _cannot_open(path, str(error)) from None
    except duckdb.Error:
        raise _unreadable(path) from None


@contextmanager
def connect(
    settings: Settings, *, extra_dirs: Iterable[Path] = (), keep_order: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The private warehouse, read-write, with its schemas; closed at the end of the block.

    One process writes the file and nobody else may have it open.
    """
    try:
        private_folder(settings.warehouse_dir)
    except OSError as error:
        raise HourglassError(
            f"The data directory {settings.data_dir} cannot be written ({error.strerror}). "
            "Make it writable, or choose another with --data-dir or HOURGLASS_DATA_DIR.",
            exit_code=2,
        ) from None
    con = connect_file(
        settings.warehouse_path,
        allowed_dirs=(settings.data_dir, *_spark_dirs(settings), *extra_dirs),
        memory_limit=settings.memory_limit,
        threads=settings.threads,
        keep_order=keep_order,
    )
    settings.warehouse_path.chmod(FILE_MODE)
    try:
        for schema in SCHEMAS:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        yield con
    finally:
        con.close()


def _spark_dirs(settings: Settings) -> tuple[Path, ...]:
    """Where Spark's tables lie when that is outside the data directory."""
    return (settings.spark_warehouse,) if settings.spark_warehouse else ()


def _cannot_open(path: Path, message: str) -> HourglassError:
    holder = re.search(r"[Cc]onflicting lock is held in (.+?) \(PID (\d+)\)", message)
    if holder:
        return BusyError(
            f"{path.name} is open in another process: {holder[1]} (process id {holder[2]}). "
            "The warehouse is private to the pipeline: close that process, or read "
            "published/current/marts.duckdb instead, which never blocks a run."
        )
    if "lock" in message.lower():
        return BusyError(f"{path.name} is open in another process. Close it and run again.")
    has_room = path.is_file() and shutil.disk_usage(path.parent).free > LEAST_FREE
    if "not a valid DuckDB" in message or "storage version" in message:
        return _unreadable(path)
    # The file is there, its owner and its disk are not what is wrong: it was cut off.
    if has_room and os.access(path, os.R_OK | os.W_OK):
        return _unreadable(path)
    return HourglassError(
        f"{path} cannot be opened for writing. Check that the folder exists, that its disk has "
        "room and that this user may write there.",
        exit_code=2,
    )


def _unreadable(path: Path) -> HourglassError:
    return HourglassError(
        f"{path} is not a DuckDB file that this version can read, or it is damaged. Move it aside: "
        "the next run builds a new one from landing/ and the published versions."
    )
