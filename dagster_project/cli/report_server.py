"""Report server: the pages of the version in force over HTTP, beside Dagster, for this machine.

Files below ``published/current/report`` and nothing else, read only. The symlink is followed at
each request, so that a page is of one version and the next one of the newest. Run as a process of
its own that ends when the process which started it does.
"""

import os
import subprocess
import sys
import threading
import time
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# How long the server outlives whoever started it, in seconds.
_PATIENCE = 1.0


class ReportHandler(SimpleHTTPRequestHandler):
    """Answers GET and HEAD with files of the report; ``hosts`` are the names it answers to."""

    server_version = "Hourglass"
    sys_version = ""

    def __init__(self, *args: Any, link: Path, hosts: frozenset[str], **kwargs: Any) -> None:
        self._link, self._hosts = link, hosts
        super().__init__(*args, directory=str((link / "report").resolve()), **kwargs)

    def send_head(self) -> Any:
        # A page elsewhere could point a name of its own at this machine and read the report.
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if host not in self._hosts:
            self.send_error(HTTPStatus.FORBIDDEN, "Not a name of this server")
            return None
        # The link may lead to a newer version than when the connection was opened.
        self.directory = str((self._link / "report").resolve())
        if not Path(self.directory).is_dir():
            self.send_error(HTTPStatus.NOT_FOUND, "Nothing is published yet")
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: who read which page is nobody's business."""


def report_server(published: Path, host: str, port: int) -> ThreadingHTTPServer:
    """A server of the report in ``published``, not yet serving. Raises OSError for a taken port."""
    hosts = frozenset({"localhost", "127.0.0.1", "::1", host})
    handler = partial(ReportHandler, link=published / "current", hosts=hosts)
    return ThreadingHTTPServer((host, port), handler)


def start(published: Path, host: str, port: int) -> subprocess.Popen:
    """Start the server as a process that ends with this one, whatever becomes of it."""
    command = [sys.executable, "-m", __name__, str(published), host, str(port), str(os.getpid())]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def _serve(published: Path, host: str, port: int, parent: int) -> None:
    try:
        server = report_server(published, host, port)
    except OSError as error:
        sys.stderr.write(f"The report is not served on port {port}: {error.strerror}.\n")
        return
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while os.getppid() == parent:
        time.sleep(_PATIENCE)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
