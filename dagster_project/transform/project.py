"""The dbt project: its paths, its environment, its executable, and the manifest it is parsed to.

dbt runs as a process of its own, because dbt inside this process keeps the warehouse file locked
after it is done (seen with dbt-duckdb 1.11, 2026-11).
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from dagster_project.errors import HourglassError
from dagster_project.settings import PROJECT_ROOT, Settings

DBT_DIR = PROJECT_ROOT / "dbt"
# Apart from dbt/target, which an engineer's own dbt rewrites in place while we may be reading.
PARSE_DIR = DBT_DIR / "target" / "definitions"
MANIFEST_PATH = PARSE_DIR / "manifest.json"
PARTIAL_PARSE = "partial_parse.msgpack"
DBT_EXECUTABLE = Path(sys.executable).parent / "dbt"
PARSED_SUFFIXES = frozenset({".sql", ".yml", ".yaml", ".csv", ".md"})


def dbt_environment(settings: Settings) -> dict[str, str]:
    """The variables that :mod:`~dagster_project.transform.connection` reads, and dbt's own."""
    return {
        "HOURGLASS_WAREHOUSE_PATH": str(settings.warehouse_path),
        "HOURGLASS_MEMORY_LIMIT": settings.memory_limit,
        "HOURGLASS_THREADS": str(settings.threads),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_VERSION_CHECK": "false",
        # At debug dbt writes 6 MB a run, a tenth of its time.
        "DBT_LOG_LEVEL_FILE": "info",
    }


def share_parse(target: Path) -> None:
    """Give dbt's calls on one warehouse the parse that the definitions were loaded with.

    dbt would parse everything again for a target folder of its own (5 s). What is there is always
    replaced: another installation may have left it, whose paths dbt would go on reading.
    """
    target.mkdir(parents=True, exist_ok=True)
    copy = target / PARTIAL_PARSE
    copy.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        shutil.copyfile(PARSE_DIR / PARTIAL_PARSE, copy)


def parse_command(target: Path) -> list[str]:
    """The call that writes the manifest to ``target`` without a warehouse."""
    folder = str(DBT_DIR)
    command = [str(DBT_EXECUTABLE), "parse", "--quiet", "--target-path", str(target)]
    return [*command, "--project-dir", folder, "--profiles-dir", folder]


def is_manifest_current() -> bool:
    """Whether the manifest is newer than every file and folder that dbt parses.

    Folders count too: a deleted model changes nothing but its folder's time.
    """
    if not MANIFEST_PATH.exists():
        return False
    parsed_at = MANIFEST_PATH.stat().st_mtime
    for folder, folders, files in os.walk(DBT_DIR):
        folders[:] = [name for name in folders if name not in {"target", "logs", "dbt_packages"}]
        here = Path(folder)
        if here != DBT_DIR and here.stat().st_mtime > parsed_at:
            return False
        for name in files:
            path = here / name
            if path.suffix in PARSED_SUFFIXES and path.stat().st_mtime > parsed_at:
                return False
    return True


def ensure_manifest() -> Path:
    """The path of a manifest that fits the models, parsing them only when it does not.

    Processes that start together (a run, the UI's code server, tests) parse once: the others
    wait, and none ever reads a half written file.
    Raises HourglassError with dbt's own words when the project does not parse.
    """
    if not is_manifest_current():
        PARSE_DIR.mkdir(parents=True, exist_ok=True)
        with (PARSE_DIR / "parse.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_manifest_current():
                parse_project()
    return MANIFEST_PATH


def parse_project() -> None:
    """Parse into a folder of its own, then put the results in place, the manifest last."""
    with tempfile.TemporaryDirectory(dir=PARSE_DIR) as folder:
        target = Path(folder)
        started = time.time()
        if (PARSE_DIR / PARTIAL_PARSE).exists():
            shutil.copyfile(PARSE_DIR / PARTIAL_PARSE, target / PARTIAL_PARSE)
        result = subprocess.run(
            parse_command(target),
            cwd=DBT_DIR,
            env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise HourglassError(
                f"dbt cannot parse the project in dbt/:\n{(result.stdout + result.stderr).strip()}"
            )
        # A model saved while dbt was parsing is newer than this manifest.
        os.utime(target / MANIFEST_PATH.name, (started, started))
        for name in (PARTIAL_PARSE, MANIFEST_PATH.name):
            (target / name).replace(PARSE_DIR / name)
