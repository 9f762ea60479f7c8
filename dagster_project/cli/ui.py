"""Dagster's web server and daemon, started for one data directory."""

import os
import socket
import sys
import sysconfig
from enum import StrEnum
from pathlib import Path

from dagster_project.cli.report_server import start as start_report
from dagster_project.errors import UsageError
from dagster_project.settings import PROJECT_ROOT, Settings


class Part(StrEnum):
    """What is started: everything for one machine, or one of the two services of a server."""

    ALL = "all"
    WEB = "web"
    DAEMON = "daemon"


def serve_ui(settings: Settings, *, host: str, port: int, part: Part = Part.ALL) -> None:
    """Become Dagster's web server and daemon, with the report served on the port after; or one of
    them.

    This process is replaced, so that whoever stops it stops them, and no daemon is left behind.
    """
    from dagster_project.defs.dagster_home import LOCATION, ensure_dagster_home

    if part is not Part.DAEMON:
        _require_free(host, port)
    home = ensure_dagster_home(settings)
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "HOURGLASS_DATA_DIR": str(settings.data_dir),
    }
    if part is not Part.DAEMON:
        sys.stderr.write(f"Dagster: http://{host}:{port} (stop with Ctrl+C)\n")
        sys.stderr.write(f"Report:  http://{host}:{port + 1}\n")
        # A child of this process, which keeps its number when it becomes Dagster.
        start_report(settings.published_dir, host, port + 1)
        if part is Part.ALL:
            environment["HOURGLASS_REPORT_URL"] = f"http://{host}:{port + 1}/"
    # Not from the repository's root, whose own dagster.yaml would be warned about.
    os.chdir(home)
    command = _command(part, host, port, LOCATION)
    os.execve(command[0], command, environment)


def _command(part: Part, host: str, port: int, location: str) -> list[str]:
    scripts = Path(sysconfig.get_path("scripts"))
    where = ("--module-name", location, "--working-directory", str(PROJECT_ROOT))
    address = ("--host", host, "--port", str(port))
    return {
        # `dagster dev` is superseded by it since Dagster 1.11.
        Part.ALL: [str(scripts / "dg"), "dev", *address, *where],
        Part.WEB: [str(scripts / "dagster-webserver"), *address, *where],
        Part.DAEMON: [str(scripts / "dagster-daemon"), "run", *where],
    }[part]


def _require_free(host: str, port: int) -> None:
    """Raise UsageError when somebody listens on the port, or the address is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the server does: a port that was just given up is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"Port {port} of {host} cannot be used ({error.strerror}). Choose another: "
                f"hourglass ui --port {port + 1 if port < 65535 else port - 1}."
            ) from None
