"""How dbt is called: its environment, its manifest, its executable.

dbt runs as a process of its own, because dbt inside this process keeps the warehouse file locked
after it is done (seen with dbt-duckdb 1.11, 2026-11).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dagster_project.errors import HourglassError
from dagster_project.settings import PROJECT_ROOT, Settings

DBT_DIR = PROJECT_ROOT / "dbt"
MANIFEST_PATH = DBT_DIR / "target" / "manifest.json"
DBT_EXECUTABLE = Path(sys.executable).parent / "dbt"
PARSED_SUFFIXES = frozenset({".sql", ".yml", ".yaml", ".csv", ".md"})


def dbt_environment(settings: Settings) -> dict[str, str]:
    """The variables that dbt/profiles.yml reads, and dbt's own switches."""
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

    dbt uses it when the profile is the same, and parses again (5 s) when it is not.
    """
    parsed = MANIFEST_PATH.with_name("partial_parse.msgpack")
    copy = target / parsed.name
    if parsed.exists() and (not copy.exists() or copy.stat().st_mtime < parsed.stat().st_mtime):
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(parsed, copy)


def parse_command(executable: Path = DBT_EXECUTABLE, project_dir: Path = DBT_DIR) -> list[str]:
    """The call that writes the manifest without a warehouse."""
    folder = str(project_dir)
    return [str(executable), "parse", "--project-dir", folder, "--profiles-dir", folder, "--quiet"]


def is_manifest_current(manifest: Path = MANIFEST_PATH, project_dir: Path = DBT_DIR) -> bool:
    """Whether the manifest is newer than every file and folder that dbt parses.

    Folders count too: a deleted model changes nothing but its folder's time.
    """
    if not manifest.exists():
        return False
    parsed_at = manifest.stat().st_mtime
    for folder, folders, files in os.walk(project_dir):
        folders[:] = [name for name in folders if name not in {"target", "logs", "dbt_packages"}]
        here = Path(folder)
        if here != project_dir and here.stat().st_mtime > parsed_at:
            return False
        for name in files:
            path = here / name
            if path.suffix in PARSED_SUFFIXES and path.stat().st_mtime > parsed_at:
                return False
    return True


def ensure_manifest(environment: Mapping[str, str] | None = None) -> Path:
    """The path of a manifest that fits the models, parsing them only when it does not.

    Raises HourglassError with dbt's own words when the project does not parse.
    """
    if not is_manifest_current():
        result = subprocess.run(
            parse_command(),
            cwd=DBT_DIR,
            env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise HourglassError(
                f"dbt cannot parse the project in dbt/:\n{(result.stdout + result.stderr).strip()}"
            )
        # dbt leaves an unchanged manifest's time alone, which would parse again at every start.
        MANIFEST_PATH.touch()
    return MANIFEST_PATH
