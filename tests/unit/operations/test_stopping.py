"""A process that is asked to stop says by which signal."""

import os
import signal
import subprocess
import sys
import time

import pytest

from dagster_project.operations.stopping import free_import_lock

PROGRAM = """
import signal, sys, time
from dagster_project.operations.stopping import Stopped, StopSignals
signals = StopSignals()
signals.install()
if sys.argv[1] == "replaced":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
print("ready", flush=True)
try:
    time.sleep(30 if sys.argv[1] == "own" else 1)
except Stopped as stopped:
    sys.exit(stopped.exit_code)
sys.exit(128 + (signals.received() or 0))
"""


@pytest.mark.parametrize("who", ["own", "replaced"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_exit_code_is_the_signals(who, number, code):
    """A scheduler takes a stopped run for one that failed by itself, or cannot stop it at all."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, who],
        stdout=subprocess.PIPE,
        # As a shell starts a process in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.1)
    os.kill(process.pid, number)
    assert process.wait(timeout=20) == code
    process.stdout.close()


INTERRUPTED = """
import _imp, sys, threading
from dagster_project.operations.stopping import free_import_lock
_imp.acquire_lock()
_imp.acquire_lock()
if sys.argv[1] == "freed":
    free_import_lock()
other = threading.Thread(target=lambda: __import__("colorsys"), daemon=True)
other.start()
other.join(5)
sys.exit(other.is_alive())
"""


@pytest.mark.parametrize(("how", "hangs"), [("freed", 0), ("left", 1)])
def test_an_interrupted_import_does_not_hold_up_other_threads(how, hangs):
    """Ctrl-C while something is imported: the progress display waits for ever, and so does the
    person in front of it."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, how], timeout=30, check=False)
    assert done.returncode == hangs
    free_import_lock()  # Where nobody holds it, nothing happens.
