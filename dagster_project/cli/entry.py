"""Entry point of ``hourglass``: how a call begins, and how an error or a signal ends it.

What the commands do is not here, nor imported before signals are handled.
"""

import atexit
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from dagster_project.errors import HourglassError
from dagster_project.operations.stopping import HANDLED, Stopped, StopSignals


def main() -> None:
    """Call a command: a person's mistake ends in a sentence and an exit code, not a stack trace.

    So does a signal, whoever caught it: 130 for Ctrl-C, 143 for SIGTERM.
    """
    signals = StopSignals()
    signals.install()
    try:
        from dagster_project.cli.app import app
        from dagster_project.cli.env_file import settings_in

        for name, value in settings_in(Path.cwd()).items():
            os.environ.setdefault(name, value)
        app(standalone_mode=True, obj=signals)
    except SystemExit:
        raise
    except BaseException as error:
        # DuckDB, an import or Dagster makes another error of what the handler raised.
        number = signals.received()
        stopped = Stopped(number) if number is not None else error
        if isinstance(stopped, Stopped):
            left = f"; {signals.leaves}" if signals.leaves else ""
            _leave(f"{stopped}{left}.", stopped.exit_code)
        told = _for_a_person(error)
        if told is None:
            raise
        from dagster_project.cli.screen import visible

        _say(visible(told.message))
        raise SystemExit(told.exit_code) from None


def _for_a_person(error: BaseException) -> HourglassError | None:
    """What a person can do about an error; None where only a stack trace says what happened."""
    from dagster_project.cli.named_paths import data_dir, unusable_path
    from dagster_project.operations.disk import disk_failure, is_of_the_disk
    from dagster_project.settings import load_settings

    if isinstance(error, HourglassError):
        return error
    if not isinstance(error, Exception):
        return None
    told = unusable_path(error, sys.argv)
    if told is None and is_of_the_disk(error):
        return disk_failure(load_settings(data_dir=data_dir(sys.argv)), error)
    return told


def _say(message: str) -> None:
    sys.stderr.write(f"hourglass: {message}\n")


def _leave(message: str, exit_code: int) -> NoReturn:
    """End the process at once, without Python's finalisation of modules and threads.

    A thread of DuckDB may still be in a function of ours; when it asks for the interpreter of a
    process that Python is taking apart, it aborts it: exit code 134, "exception not rethrown" (one
    of six stopped queries in a test of 2026-12-03).
    """
    for number in HANDLED:
        # Whoever presses again does not wait for what follows.
        signal.signal(number, signal.SIG_DFL)
    with suppress(OSError):
        _say(message)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(exit_code)
