"""What a person sees of a run on a terminal."""

import io
import logging
import subprocess
import sys

from dagster_project.cli.progress import Steps


class Terminal(io.StringIO):
    """A screen that somebody watches."""

    def isatty(self) -> bool:
        return True


def test_the_screen_shows_progress_and_nothing_else():
    """14,695 lines of log scroll by, and the summary is lost among them."""
    screen = Terminal()
    kept = sys.stdout, sys.stderr
    steps = Steps(screen)
    steps("start", "load", 0.0)
    assert (sys.stdout, sys.stderr) == kept
    logging.getLogger("dagster").warning("a line of the log")
    steps("success", "load", 1.0)
    steps("start", "gate_record", 0.0)
    steps("failure", "gate_record", 0.0)
    steps.stop()
    shown = screen.getvalue()
    assert "a line of the log" not in shown
    last = [line for line in shown.splitlines() if "Decide" in line][-1]
    assert "✗" in last
    assert "failed" in last
    assert "✓" in [line for line in shown.splitlines() if "Load files" in line][-1]
    # What comes next begins a line, and the person has the cursor back.
    assert shown.rindex("\n") > shown.rindex("Decide")
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


PROGRAM = """
import io, sys, time
from dagster_project.cli.progress import Steps

class Terminal(io.StringIO):
    def isatty(self):
        return True

steps = Steps(Terminal())
steps("start", "load", 0)
before = set(sys.modules)
time.sleep(0.5)
steps("success", "load", 1)
steps.stop()
print(sorted(set(sys.modules) - before))
"""


def test_the_displays_thread_imports_nothing():
    """Ctrl-C during an import holds up the display, or a trace of its thread is on the screen."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]", done.stdout
