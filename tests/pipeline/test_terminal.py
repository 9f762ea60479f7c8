"""A run as a person at a terminal sees it, and how it ends when they stop it."""

import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from dagster_project.settings import PROJECT_ROOT
from tests.pipeline.conftest import Company, land_company

PATIENCE = 240


def start_on_terminal(company: Company) -> tuple[subprocess.Popen[bytes], int]:
    """A run with a terminal of its own, and the terminal's other end."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "dagster_project.cli", "run", "--data-dir"]
    process = subprocess.Popen(
        [*command, str(company.data_dir)],
        cwd=PROJECT_ROOT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        # Workers that run tests ignore SIGINT and would hand that on; a shell does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(theirs)
    return process, ours


def read_until(process: subprocess.Popen[bytes], terminal: int, word: str | None) -> str:
    """What stands on the screen once ``word`` is there, or the process has ended."""
    shown = b""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not (word and word.encode() in shown):
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    return shown.decode(errors="replace")


def statuses(company: Company) -> list[str]:
    """The states of all runs that Dagster knows of, oldest first."""
    path = company.data_dir / "dagster" / "history" / "runs.db"
    with sqlite3.connect(path) as con:
        return [row[0] for row in con.execute("SELECT status FROM runs ORDER BY id")]


def assert_display_ended(shown: str) -> None:
    """The screen is left as it was found: a new line and the cursor, which rich hides."""
    hidden, given_back = shown.rindex("\x1b[?25l"), shown.rindex("\x1b[?25h")
    assert hidden < given_back, shown
    assert shown[:given_back].endswith("\n"), shown
    assert "\x1b[1A" not in shown[given_back:], "it is drawn on after its end"


def test_a_terminal_shows_progress_only(tmp_path):
    """The screen scrolls thousands of lines of log, and the sentence that matters is gone."""
    company = Company(tmp_path / "data")
    land_company(company.data_dir)
    process, terminal = start_on_terminal(company)
    shown = read_until(process, terminal, None)
    assert process.wait(timeout=PATIENCE) == 0
    os.close(terminal)
    assert "Load files" in shown
    assert "Net revenue" in shown
    for word in ("DEBUG", "RESOURCE_INIT", "STEP_START", "Traceback"):
        assert word not in shown
    assert_display_ended(shown)
    # Redrawn in place: an escape moves the cursor up, so lines of text are few.
    lines = {line.split("\x1b")[0].strip() for line in shown.splitlines()}
    assert len(lines) < 60


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_ends_in_a_sentence_and_a_closed_record(tmp_path, number, code):
    """Ctrl-C leaves a stack trace, an exit code that says nothing, and a run that Dagster shows as
    started for ever."""
    company = Company(tmp_path / "data")
    land_company(company.data_dir)
    process, terminal = start_on_terminal(company)
    # The one while files are loaded, the other while a process of dbt is at work.
    seen = read_until(
        process, terminal, "Load files" if number == signal.SIGINT else "Stage records"
    )
    time.sleep(1)
    os.kill(process.pid, number)
    seen += read_until(process, terminal, None)
    assert process.wait(timeout=PATIENCE) == code, seen
    os.close(terminal)
    assert "the version in force is untouched." in seen
    assert "Traceback" not in seen
    assert_display_ended(seen)
    assert statuses(company) == ["FAILURE"]
