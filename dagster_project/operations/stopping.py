"""Stopping by a signal: Ctrl-C and SIGTERM become one exception, and are told apart afterwards.

Dagster replaces the handlers while it executes and says of neither which one came; a byte per
signal in a pipe does (``signal.set_wakeup_fd``).
"""

import _imp
import os
import signal
from types import FrameType

HANDLED = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal asked this process to stop. No Exception: nothing that retries may catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        asked = "Ctrl-C" if self.number == signal.SIGINT else signal.Signals(self.number).name
        return f"stopped by {asked}"

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal stopped."""
        return 128 + self.number


class StopSignals:
    """Handlers that raise :class:`Stopped`, from ``install`` on.

    ``leaves``: what a stop leaves behind from now on, told to the person who asked for it. An
    ignored SIGINT, which a background process inherits from its shell, is handled too: Dagster
    gives SIGTERM the same handler, and nothing but SIGKILL would end such a process.
    """

    def __init__(self) -> None:
        self.leaves = ""
        self._reads, self._writes = os.pipe()
        for end in (self._reads, self._writes):
            os.set_blocking(end, False)

    def install(self) -> None:
        """Handle the signals; only in the main thread."""
        for number in HANDLED:
            signal.signal(number, _raise)
        signal.set_wakeup_fd(self._writes, warn_on_full_buffer=False)

    def received(self) -> int | None:
        """The last handled signal since the last call, whoever handled it; None when none came."""
        try:
            numbers = [number for number in os.read(self._reads, 4096) if number in HANDLED]
        except BlockingIOError:
            return None
        return numbers[-1] if numbers else None

    def raise_received(self) -> None:
        """Raise Stopped when a signal came and ended nothing.

        Python drops an exception that a handler raises while an object is collected, and DuckDB one
        that is raised while it imports a module: what cannot be taken back asks here before it
        begins.
        """
        number = self.received()
        if number is not None:
            raise Stopped(number)


def _raise(number: int, _: FrameType | None) -> None:
    raise Stopped(number)


def free_import_lock() -> None:
    """Let go of Python's import lock if this thread holds it outside of any import.

    A handler, Dagster's or ours, may raise between the moment where an import takes that lock and
    the one where it would let go of it. Every other thread that imports anything then waits for
    ever, and whoever waits for that thread too (seen in a test of 2026-11-30: the progress display,
    at Ctrl-C). To be called once such an exception has been caught.
    """
    while True:
        try:
            _imp.release_lock()
        except RuntimeError:
            # Another thread's, or nobody's.
            return
