"""Runs of the daily job inside this process that stand in the UI's history too.

Dagster offers no public call for that: a run is shown, and can be started again, in the UI only
when it was created with the origin of the code location that the UI serves. The private calls for
it (dagster 1.13.27) are kept in this file.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from sqlalchemy import QueuePool, event

from dagster_project.defs.dagster_home import LOCATION, ensure_dagster_home
from dagster_project.defs.groups import PARAMETERS_KEY, VERSION_KEY
from dagster_project.defs.run_history import (
    PROCESS_TAG,
    close_dead_runs,
    process_tag,
    prune_history,
    step_failure,
)
from dagster_project.defs.schedules import JOB_NAME, run_config
from dagster_project.private_files import close_to_others
from dagster_project.settings import PROJECT_ROOT, Settings


@dataclass
class RunOutcome:
    """How a run ended: ``failures`` of steps, ``checks`` that failed, ``seconds`` per step, the
    name of the ``version`` that it made."""

    run_id: str
    success: bool
    seconds: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    load: dict[str, Any] = field(default_factory=dict)
    version: str | None = None
    log_path: Path | None = None


def job_origin() -> RemoteJobOrigin:
    """Where the UI looks the job up."""
    target = LoadableTargetOrigin(
        executable_path=sys.executable,
        module_name=LOCATION,
        working_directory=str(PROJECT_ROOT),
    )
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name=LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), JOB_NAME)


@contextmanager
def output_to(path: Path) -> Any:
    """Send file descriptors 1 and 2 to ``path``; yields the real standard error.

    Dagster and dbt write there from C and from other processes, so replacing sys.stdout is not
    enough.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    log = path.open("a")
    screen = os.fdopen(os.dup(kept[1]), "w")
    try:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        with redirect_stderr(log):
            yield screen
    finally:
        sys.stdout.flush()
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        for descriptor in kept:
            os.close(descriptor)
        screen.close()
        log.close()


@contextmanager
def kept_connections() -> Iterator[None]:
    """Keep Dagster's SQLite connections for the length of the block, without a sync per event.

    It opens a new one for each statement about a run's 1,700 events and waits for the disk after
    each: 2 s of processor time, and 28 s on a slow disk, because SQLite folds its log into the file
    whenever the last connection closes. With the write-ahead log a power cut can cost the history
    its last events, never its integrity.
    """
    original = sqlite_event_log.create_engine
    engines: dict[str, Any] = {}
    disposals: list[Callable[[], None]] = []

    def kept(address: str, **options: Any) -> Any:
        if address not in engines:
            engine = original(address, **{**options, "poolclass": QueuePool})
            event.listen(
                engine,
                "connect",
                lambda connection, _: connection.execute("PRAGMA synchronous = NORMAL"),
            )
            # Dagster disposes of the engine after each statement.
            disposals.append(engine.dispose)
            engine.dispose = lambda *_, **__: None
            engines[address] = engine
        return engines[address]

    sqlite_event_log.create_engine = kept
    try:
        yield
    finally:
        sqlite_event_log.create_engine = original
        for dispose in disposals:
            dispose()


def run_daily(
    settings: Settings,
    *,
    as_of: date | None,
    full_refresh: bool,
    make_current: bool = False,
    take_now: bool = False,
    steps: Callable[[IO[str]], AbstractContextManager[Callable[[str, str, float], None]]],
) -> RunOutcome:
    """Run load to publish here and now.

    ``steps(screen)`` gives what is called with the state (``start``, ``success``, ``skip`` or
    ``failure``), the name and the seconds of each step; it is left before the screen is closed.
    """
    os.environ["DAGSTER_HOME"] = str(ensure_dagster_home(settings))
    # What is read while the definitions load is this installation's too.
    os.environ["HOURGLASS_DATA_DIR"] = str(settings.data_dir)
    log_path = settings.dagster_home / "logs" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.log"
    with (
        output_to(log_path) as screen,
        steps(screen) as tell,
        kept_connections(),
        dg.DagsterInstance.get() as instance,
    ):
        from dagster_project.definitions import build_definitions

        close_dead_runs(instance, settings)
        job = build_definitions(settings).resolve_job_def(JOB_NAME)
        run = instance.create_run_for_job(
            job_def=job,
            run_config=run_config(
                as_of.isoformat() if as_of else None,
                full_refresh=full_refresh,
                make_current=make_current,
                take_now=take_now,
            ),
            tags={"hourglass/started_by": "command line", PROCESS_TAG: process_tag() or ""},
            remote_job_origin=job_origin(),
        )
        outcome = RunOutcome(run.run_id, success=False, log_path=log_path)
        try:
            for happened in execute_run_iterator(InMemoryJob(job), run, instance):
                _follow(happened, outcome, tell)
        finally:
            # Whatever ended it here, Dagster does not go on waiting for it.
            left = instance.get_run_by_id(run.run_id)
            if left is not None and not left.is_finished:
                instance.report_run_failed(left, "The process that worked on this run was stopped.")
        prune_history(instance, settings)
        shutil.rmtree(settings.dagster_home / "storage" / "tmp", ignore_errors=True)
    close_to_others(settings.dagster_home)
    return outcome


def _follow(
    event: dg.DagsterEvent, outcome: RunOutcome, tell: Callable[[str, str, float], None]
) -> None:
    step = event.step_key or ""
    kind = event.event_type
    if kind == dg.DagsterEventType.STEP_START:
        tell("start", step, 0.0)
    elif kind == dg.DagsterEventType.STEP_SUCCESS:
        seconds = event.step_success_data.duration_ms / 1000
        outcome.seconds[step] = outcome.seconds.get(step, 0.0) + seconds
        tell("success", step, seconds)
    elif kind == dg.DagsterEventType.STEP_SKIPPED:
        tell("skip", step, 0.0)
    elif kind == dg.DagsterEventType.STEP_FAILURE:
        outcome.failures.append(step_failure(event))
        tell("failure", step, 0.0)
    elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        check = event.asset_check_evaluation_data
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR:
            outcome.checks.append(check.description or check.check_name)
    elif kind == dg.DagsterEventType.ASSET_OBSERVATION:
        # Others come from dbt tests that no single asset owns.
        observed = event.asset_observation_data.asset_observation
        if observed.asset_key == PARAMETERS_KEY:
            outcome.load = {name: value.value for name, value in observed.metadata.items()}
    elif kind == dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key == VERSION_KEY:
        made = event.step_materialization_data.materialization.metadata["version"]
        outcome.version = str(made.value)
    elif kind == dg.DagsterEventType.RUN_FAILURE and not outcome.failures:
        outcome.failures.append(event.message or "the run failed")
    elif kind == dg.DagsterEventType.RUN_SUCCESS:
        outcome.success = True
