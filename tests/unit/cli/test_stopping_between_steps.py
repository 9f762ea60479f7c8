"""A signal whose exception Python dropped still stops the run, before its next step."""

import os
import signal

import pytest

from dagster_project.cli.run import stopping_between_steps
from dagster_project.operations.stopping import Stopped, StopSignals


class Dropped:
    """Raises from its end, as a handler does that runs while an object is collected."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_during_a_collection_stops_the_run(tmp_path):
    """Somebody presses Ctrl-C, nothing happens, and the run publishes."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signals = StopSignals()
    signals.install()
    try:
        with (
            (tmp_path / "screen").open("w") as screen,
            stopping_between_steps(screen, signals) as told,
        ):
            told("start", "load", 0.0)
            gone = Dropped()
            del gone
            told("success", "load", 1.0)
            with pytest.raises(Stopped):
                told("start", "staging_models", 0.0)
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
