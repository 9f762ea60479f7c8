"""Dagster's web server and daemon, started for one data directory."""

import os
import sys

from dagster_project.settings import PROJECT_ROOT, Settings


def serve_ui(settings: Settings, *, host: str, port: int) -> None:
    """Become Dagster's web server and daemon.

    This process is replaced, so that whoever stops it stops them, and no daemon is left behind.
    """
    from dagster_project.defs.runs import LOCATION, ensure_dagster_home

    home = ensure_dagster_home(settings)
    sys.stderr.write(f"Dagster: http://{host}:{port} (stop with Ctrl+C)\n")
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "HOURGLASS_DATA_DIR": str(settings.data_dir),
    }
    command = [
        *(sys.executable, "-m", "dagster", "dev"),
        *("-h", host, "-p", str(port), "-m", LOCATION, "-d", str(PROJECT_ROOT)),
    ]
    # Not from the repository's root, whose own dagster.yaml would be warned about.
    os.chdir(home)
    os.execve(sys.executable, command, environment)
