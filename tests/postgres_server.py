"""A PostgreSQL server for the tests: Debian's, started by them for a user that is not root."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

START_SECONDS = 30


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of an empty database of a server that is gone after the block.

    Skips the test, saying why, where there is no PostgreSQL or no user to run it.
    """
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = str(binaries[-1]) if binaries else shutil.which("initdb")
    if found is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    as_user = []
    if os.geteuid() == 0:
        if (
            shutil.which("runuser") is None
            or subprocess.run(["id", "postgres"], check=False, capture_output=True).returncode
        ):
            pytest.skip("PostgreSQL refuses to run as root, and there is no user postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    # Not pytest's folder, which another user cannot enter.
    folder = Path(tempfile.mkdtemp(prefix="hourglass-postgres-"))
    if as_user:
        shutil.chown(folder, "postgres")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    binary = Path(found).resolve().parent
    data = folder / "data"
    try:
        subprocess.run(
            [*as_user, found, "-D", str(data), "-U", "owner", "-A", "trust", "-E", "UTF8", "-N"],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        server = subprocess.Popen(
            [
                *as_user,
                str(binary / "postgres"),
                "-D",
                str(data),
                "-k",
                str(folder),
                "-p",
                str(port),
                "-h",
                "127.0.0.1",
                "-F",
                "-c",
                "shared_buffers=16MB",
                "-c",
                "max_connections=60",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )
        try:
            _wait(binary / "pg_isready", port, server)
            yield f"postgresql://owner@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run(
                [*as_user, str(binary / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"],
                check=False,
                capture_output=True,
                cwd=folder,
            )
            server.wait(timeout=START_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(is_ready: Path, port: int, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_SECONDS
    command = [str(is_ready), "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(command, check=False).returncode:
        assert server.poll() is None, "PostgreSQL did not start"
        assert time.monotonic() < deadline, "PostgreSQL did not start in time"
        time.sleep(0.1)
