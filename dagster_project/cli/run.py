"""Run of the daily job from the command line: sample, progress, summary, exit code."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import IO, Any

from dagster_project.cli.progress import Steps
from dagster_project.cli.screen import Screen
from dagster_project.cli.status import status_now
from dagster_project.cli.summary import show_summary
from dagster_project.operations.alerts import send_alerts
from dagster_project.operations.build_plan import asked_day
from dagster_project.operations.disk import require_room
from dagster_project.operations.lock import run_lock
from dagster_project.operations.nothing_new import nothing_new
from dagster_project.operations.status import (
    ledger_now,
    refused_files,
    waiting_files,
)
from dagster_project.operations.stopping import Stopped, StopSignals, free_import_lock
from dagster_project.publish import current_manifest
from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.warehouse import connect

# Seconds; longer than any sensible ``settle_seconds`` makes a file wait.
SETTLED_FOR_SURE = 86400
# Exit code: all went well, but a new file gave nothing, which its sender has to hear of.
NOTHING_ACCEPTED = 4


def land_sample(settings: Settings) -> None:
    """Copy the committed sample into landing/, unless somebody's own files are there."""
    source = PROJECT_ROOT / "data" / "sample" / "landing"
    names = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    landing = settings.landing_dir
    present = {path.relative_to(landing) for path in landing.rglob("*") if path.is_file()}
    if present - names:
        Screen(stderr=True).say(
            f"{landing} has files of your own, so the sample was not landed beside them."
        )
        return
    for name in sorted(names - present):
        target = landing / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # Under its own name only when it is whole: a killed copy is not loaded.
        partial = target.with_name(target.name + ".part")
        shutil.copyfile(source / name, partial)
        # Whole when it gets its name, so it need not hold still first.
        long_ago = time.time() - SETTLED_FOR_SURE
        os.utime(partial, (long_ago, long_ago))
        partial.rename(target)


@contextmanager
def stopping_between_steps(
    screen: IO[str], signals: StopSignals
) -> Iterator[Callable[[str, str, float], None]]:
    """Steps on ``screen``, but Stopped is raised before one when a signal came and ended nothing.

    So the run goes on for a step at most (seen once without it, in a test of 2026-11-29).
    """
    steps = Steps(screen)

    def told(state: str, step: str, seconds: float) -> None:
        if state == "start":
            signals.raise_received()
        steps(state, step, seconds)

    try:
        yield told
    finally:
        free_import_lock()
        steps.stop()


def run_and_show(
    settings: Settings,
    signals: StopSignals,
    *,
    as_of: date | None,
    full_refresh: bool,
    make_current: bool = False,
    take_now: bool = False,
) -> int:
    """Run the daily job, print its summary, return the exit code.

    Raises Stopped when one of ``signals`` ended the run.
    """
    console = Screen()
    signals.leaves = "the version in force is untouched"
    asked_day(settings, as_of)
    # Said before Dagster starts: who is at work, who holds the warehouse, what cannot be written.
    with run_lock(settings):
        with connect(settings):
            pass
        require_room(settings)
        console.say(f"Hourglass: {settings.landing_dir} to {settings.published_dir}")
        is_asked_for = full_refresh or make_current or take_now
        reason = None if is_asked_for else nothing_new(settings, as_of=as_of)
    if reason is not None:
        _tell_alerts(console, settings)
        _tell_nothing_new(console, settings, reason)
        return 0
    from dagster_project.defs.runs import run_daily

    outcome = run_daily(
        settings,
        as_of=as_of,
        full_refresh=full_refresh,
        make_current=make_current,
        take_now=take_now,
        steps=partial(stopping_between_steps, signals=signals),
    )
    _tell_alerts(console, settings)
    stopped_by = signals.received()
    if stopped_by is not None and not outcome.success:
        raise Stopped(stopped_by)
    if not outcome.success:
        for failure in dict.fromkeys([*outcome.checks, *outcome.failures]):
            console.say(failure, style="red")
        if outcome.version is not None:
            console.say(f"Log: {outcome.log_path}")
            return 1
        manifest = current_manifest(settings)
        kept = f" Version {manifest['version']} stays in force." if manifest else ""
        console.say(f"Nothing was published.{kept} Log: {outcome.log_path}")
        return 1
    if outcome.load.get("is_needed") is False:
        _tell_nothing_new(console, settings, outcome.load["reason"])
        return exit_code(outcome.load)
    show_summary(console, settings, outcome)
    return exit_code(outcome.load)


def exit_code(load: Mapping[str, Any]) -> int:
    """What a run that ended well says: whether a new file was refused whole or gave no record."""
    return NOTHING_ACCEPTED if load.get("files_empty") or load.get("files_refused") else 0


def _tell_alerts(console: Screen, settings: Settings) -> None:
    if settings.alert_urls:
        for refused in send_alerts(settings, status_now(settings)):
            console.say(refused)


def _tell_nothing_new(console: Screen, settings: Settings, reason: str) -> None:
    console.say(reason)
    from dagster_project.load.ledger.accounting import ledger_warnings

    # Nothing new may be just what is wrong.
    ledger = ledger_now(settings) or {}
    for line in [*refused_files(ledger), *waiting_files(ledger), *ledger_warnings(ledger)]:
        console.say(line)
