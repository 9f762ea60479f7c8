"""One run at a time, whoever starts it: command line, UI, schedule or sensor.

A lock of the operating system and not a file's existence: it is gone with the process that held
it, so a killed run leaves nothing to clean up.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from dagster_project.errors import BusyError, HourglassError
from dagster_project.settings import Settings

POLL_SECONDS = 1.0


@contextmanager
def run_lock(settings: Settings, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the run lock of the data directory for the length of the block.

    Raises BusyError that names the process which holds it, after ``wait_seconds``;
    HourglassError when the data directory cannot be written.
    """
    path = settings.warehouse_dir / "run.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("a+")
    except OSError as error:
        raise HourglassError(
            f"The data directory {settings.data_dir} cannot be written ({error.strerror}). "
            "Make it writable, or choose another with --data-dir or HOURGLASS_DATA_DIR.",
            exit_code=2,
        ) from None
    with handle:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    handle.seek(0)
                    holder = handle.read().strip() or "another process"
                    raise BusyError(
                        f"A run is under way ({holder}). One run at a time: wait for it, or look "
                        "at it in the Dagster UI (hourglass ui)."
                    ) from None
                time.sleep(POLL_SECONDS)
        handle.seek(0)
        handle.truncate()
        handle.write(f"process id {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        handle.flush()
        yield


def is_run_at_work(settings: Settings) -> bool:
    """Whether somebody holds the run lock, also a process that this one cannot see."""
    path = settings.warehouse_dir / "run.lock"
    try:
        with path.open("a+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
