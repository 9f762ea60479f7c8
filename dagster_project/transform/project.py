"""The dbt project of one process: a copy that nobody edits, parsed whole, and how dbt is called.

``prepare_project`` copies ``dbt/`` into the cache under a name that its content gives, and parses
it there. A run therefore works on what it started with, whatever is added under ``dbt/``
meanwhile; nothing is written beside the code; and no parse starts from an earlier one: dbt's
partial parse keeps a YAML patch that came before its model, and such a model has no description
and no test (dbt-core 1.11, 2026-11).

Each call of dbt is a process of its own, because dbt inside this process keeps the warehouse file
locked after it is done (seen with dbt-duckdb 1.11, 2026-11); those of a run are forked from one
(``dbt_server``).
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from dagster_project.engine import dbt_target, engine_environment, require_engine
from dagster_project.errors import HourglassError
from dagster_project.settings import PROJECT_ROOT, Settings

DBT_DIR = PROJECT_ROOT / "dbt"
DBT_EXECUTABLE = Path(sys.executable).parent / "dbt"
# dbt's adapter of each engine.
ADAPTERS = {"duckdb": "dbt-duckdb", "spark": "dbt-spark"}
PARTIAL_PARSE = "partial_parse.msgpack"
# Written by dbt or by an engineer's own calls of it; no part of the project.
LEFT_OUT = frozenset({"target", "logs", "dbt_packages", "lint_context", "__pycache__"})
# Where marts of one's own stand in the prepared project.
OWN_MODELS = Path("models") / "marts" / "own"
# A prepared project that no process asked for in so long is removed.
KEPT_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True)
class PreparedProject:
    """A copy of the dbt project in ``folder``, parsed; neither changes any more."""

    folder: Path

    @property
    def target(self) -> Path:
        """The folder of the parse."""
        return self.folder / "target"

    @property
    def manifest(self) -> Path:
        """dbt's manifest.json."""
        return self.target / "manifest.json"

    def read_manifest(self) -> dict[str, Any]:
        """What stands in it."""
        return json.loads(self.manifest.read_text(encoding="utf-8"))


def dbt_environment(settings: Settings) -> dict[str, str]:
    """The variables that :mod:`~dagster_project.transform.connection` reads, dbt's own, and those
    of the engine.
    """
    return {
        **engine_environment(settings),
        "HOURGLASS_WAREHOUSE_PATH": str(settings.warehouse_path),
        "HOURGLASS_MEMORY_LIMIT": settings.memory_limit,
        "HOURGLASS_THREADS": str(settings.threads),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_VERSION_CHECK": "false",
        # At debug dbt writes 6 MB a run, a tenth of its time.
        "DBT_LOG_LEVEL_FILE": "info",
    }


def cache_dir(settings: Settings) -> Path:
    """Where prepared projects lie: the user's cache, or the data directory without a home."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(home).expanduser() / "hourglass" / "dbt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except (OSError, RuntimeError):
        pass
    return settings.data_dir / "cache" / "dbt"


def installed_project(settings: Settings) -> PreparedProject:
    """The shipped project with one's own models, parsed for the engine of ``settings``.

    Raises UsageError when that engine cannot be used here.
    """
    require_engine(settings)
    return prepare_project(cache_dir(settings), own=settings.project_dir, engine=settings.engine)


def prepare_project(
    cache: Path, source: Path = DBT_DIR, *, own: Path | None = None, engine: str = "duckdb"
) -> PreparedProject:
    """The project in ``source`` as it is now, copied into ``cache`` and parsed when it is new.

    Models in ``models/`` below ``own``, a project folder, become marts beside the shipped ones. A
    parse is for one engine: dbt keeps the adapter's names in it.
    Processes that start together (a run, the UI's code server, tests) parse once: the others wait.
    Raises HourglassError with dbt's own words when the project does not parse.
    """
    known = PreparedProject(cache / _fingerprint(_layout(source, own), engine))
    if not known.manifest.exists():
        with _locked(cache):
            known = _prepare(cache, source, own, engine)
            _prune(cache, known)
    with suppress(OSError):
        os.utime(known.folder)
    return known


def share_parse(project: PreparedProject, target: Path) -> None:
    """Give dbt's calls that write to ``target`` the parse of ``project``.

    dbt would parse everything again for a target folder of its own (5 s). What is there is always
    replaced: another project may have left it, whose paths dbt would go on reading.
    """
    target.mkdir(parents=True, exist_ok=True)
    copy = target / PARTIAL_PARSE
    copy.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        shutil.copyfile(project.target / PARTIAL_PARSE, copy)


def _prepare(cache: Path, source: Path, own: Path | None, engine: str) -> PreparedProject:
    """Copy and parse, with the cache locked."""
    with tempfile.TemporaryDirectory(dir=cache, prefix=".copy-") as temporary:
        copy = Path(temporary) / "project"
        for place, path in _layout(source, own).items():
            target = copy / place
            target.parent.mkdir(parents=True, exist_ok=True)
            # Without modes: those of a read-only installation would lock the copy too.
            shutil.copyfile(path, target)
        # Of the copy and not of the source, which may have changed while it was copied.
        project = PreparedProject(cache / _fingerprint(_layout(copy, None), engine))
        if project.manifest.exists():
            return project
        if project.folder.exists():
            shutil.rmtree(project.folder)
        copy.rename(project.folder)
    try:
        _parse(project, engine)
    except BaseException:
        shutil.rmtree(project.folder, ignore_errors=True)
        raise
    return project


def _parse(project: PreparedProject, engine: str) -> None:
    """Parse from nothing, where dbt will read it; the target appears when it is whole."""
    parsing = project.folder / ".parsing"
    folder = str(project.folder)
    result = subprocess.run(
        [
            *(str(DBT_EXECUTABLE), "parse", "--quiet", "--no-partial-parse", "--no-use-colors"),
            *("--target-path", str(parsing), "--log-path", str(parsing)),
            *("--project-dir", folder, "--profiles-dir", folder),
        ],
        cwd=project.folder,
        env={
            **os.environ,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            **dbt_target(engine),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise HourglassError(
            f"dbt cannot parse the project in dbt/:\n{(result.stdout + result.stderr).strip()}"
        )
    parsing.rename(project.target)


def _files(folder: Path) -> Iterator[Path]:
    """The project's files, in order."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT and name[0] != ".")
        yield from (Path(here) / name for name in sorted(names) if name[0] != ".")


def _layout(source: Path, own: Path | None) -> dict[str, Path]:
    """Where each file lies in the prepared project, and where it comes from."""
    files = {str(path.relative_to(source)): path for path in _files(source)}
    if own is not None:
        models = own / "models"
        for path in _files(models):
            files[str(OWN_MODELS / path.relative_to(models))] = path
    return files


def _fingerprint(files: Mapping[str, Path], engine: str) -> str:
    """Changes with the content of any file of the project, and with dbt's and adapter's version."""
    digest = hashlib.sha256()
    for name in ("dbt-core", ADAPTERS[engine]):
        digest.update(f"{name} {metadata.version(name)}\n".encode())
    for place, path in sorted(files.items()):
        try:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        except FileNotFoundError:
            continue
        digest.update(f"{place} {content}\n".encode())
    return digest.hexdigest()[:20]


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "parse.lock").open("a")
    except OSError as error:
        raise HourglassError(
            f"{cache} cannot be written ({error.strerror}). dbt's parse is kept there: make it "
            "writable, or set XDG_CACHE_HOME to a folder that is.",
            exit_code=2,
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prune(cache: Path, used: PreparedProject) -> None:
    """Remove what no process asked for in a fortnight, and copies that a killed one left."""
    for folder in cache.iterdir():
        if folder.is_dir() and folder != used.folder:
            with suppress(FileNotFoundError):
                is_copy = folder.name.startswith(".copy-")
                if is_copy or time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
