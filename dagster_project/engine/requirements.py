"""Prerequisites of the Spark engine: the extra ``[spark]`` and Java, asked before it starts."""

import os
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from dagster_project.errors import UsageError

# PySpark 4 is compiled for it.
OLDEST_JAVA = 17


def require_spark(remote: str = "") -> None:
    """Raise UsageError, with what to do, unless Spark can be started here, or asked ``remote``."""
    absent = [name for name in ("pyspark", "dbt-spark") if not _is_installed(name)]
    if absent:
        raise UsageError(
            f"HOURGLASS_ENGINE=spark needs {' and '.join(absent)}, which this installation lacks. "
            "Install them with make spark (or pip install 'hourglass[spark]'), or unset "
            "HOURGLASS_ENGINE to run on DuckDB."
        )
    if remote:
        return
    found = java_version()
    if found is None or found < OLDEST_JAVA:
        what = "found none" if found is None else f"found Java {found}"
        raise UsageError(
            f"HOURGLASS_ENGINE=spark needs Java {OLDEST_JAVA} or newer; {what}. Install a Java "
            f"runtime (on Debian: apt-get install openjdk-{OLDEST_JAVA}-jre-headless) or let "
            "JAVA_HOME name one, or unset HOURGLASS_ENGINE to run on DuckDB."
        )


def java_version() -> int | None:
    """The major version of the Java that Spark would start; None when there is none."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None:
        return None
    try:
        told = subprocess.run(
            [java, "-version"], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    return int(found[1]) if found and told.returncode == 0 else None


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
