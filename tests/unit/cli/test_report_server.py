"""When these fail, the report is not reachable from Dagster, or more than the report is."""

import http.client
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dagster_project.cli import report_server


@pytest.fixture
def published(tmp_path):
    for name, text in (("one", "first"), ("two", "second")):
        folder = tmp_path / "versions" / name / "report" / "ru"
        folder.mkdir(parents=True)
        (folder.parent / "index.html").write_text(text)
        (tmp_path / "versions" / name / "quality.json").write_text("secret")
    (tmp_path / "current").symlink_to("versions/one")
    return tmp_path


@pytest.fixture
def ask(published):
    server = report_server.report_server(published, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def _ask(path: str, host: str = "127.0.0.1", method: str = "GET") -> tuple[int, str]:
        client = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
        client.request(method, path, headers={"Host": host})
        answer = client.getresponse()
        return answer.status, answer.read().decode()

    yield _ask
    server.shutdown()
    thread.join()
    server.server_close()


def test_serves_the_version_in_force(ask, published):
    """A browser would show last week's report until the server is started again."""
    assert ask("/") == (200, "first")
    (published / "new").symlink_to("versions/two")
    (published / "new").rename(published / "current")
    assert ask("/index.html") == (200, "second")


@pytest.mark.parametrize("path", ["/../quality.json", "/%2e%2e/quality.json", "/ru/", "/../../"])
def test_serves_nothing_else(ask, path):
    """Whoever reaches the port would read the marts, or list folders."""
    status, text = ask(path)
    assert status == 404 or text == "first"
    assert "secret" not in text


def test_answers_to_its_own_name_only(ask):
    """A web page elsewhere could read the report through a name that leads to this machine."""
    assert ask("/", host="evil.example")[0] == 403
    assert ask("/", host="localhost:3001")[0] == 200
    assert ask("/", method="POST")[0] == 501


def test_says_so_before_the_first_publish(tmp_path):
    """The browser would wait for nothing, or the server die."""
    server = report_server.report_server(tmp_path, "127.0.0.1", 0)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    client = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    client.request("GET", "/", headers={"Host": "localhost"})
    assert client.getresponse().status == 404
    thread.join()
    server.server_close()


def test_ends_with_whoever_started_it(published):
    """Each hourglass ui would leave a server behind that keeps the port."""
    code = (
        "import sys; from pathlib import Path; from dagster_project.cli import report_server as r;"
        f"import subprocess; p = r.start(Path({str(published)!r}), '127.0.0.1', 0); print(p.pid)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    pid = int(result.stdout)
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            if state == "Z":
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.1)
    pytest.fail("the server outlived its parent")
