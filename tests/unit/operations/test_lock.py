"""One run at a time."""

import subprocess
import sys

import pytest

from dagster_project.errors import BusyError
from dagster_project.operations.lock import run_lock
from dagster_project.settings import load_settings

HOLD = """
import sys
from dagster_project.operations.lock import run_lock
from dagster_project.settings import load_settings
with run_lock(load_settings(data_dir=sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_run_is_told_who_is_at_work(tmp_path):
    """Two runs write one warehouse, or the second one waits without a word."""
    settings = load_settings(data_dir=tmp_path)
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline().strip() == "held"
    with pytest.raises(BusyError, match=f"process id {other.pid}"), run_lock(settings):
        pass
    # Killed, not ended: the lock goes with the process and nothing has to be cleaned up.
    other.kill()
    other.wait()
    with run_lock(settings):
        pass
