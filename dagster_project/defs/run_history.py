"""Run history: told in words; runs whose process is gone are closed, the oldest are forgotten.

After ``kill -9`` or a power cut nobody tells Dagster, and with one run at a time the queue starts
no other. Each run says as a tag which process works on it; who finds that process gone closes the
run. Done at every start of a run, and by a sensor of the daemon.
"""

import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import DagsterRunStatus, RunRecord

from dagster_project.defs.dagster_home import ensure_dagster_home
from dagster_project.defs.retries import mark_may_pass
from dagster_project.operations.lock import is_run_at_work
from dagster_project.settings import Settings

PROCESS_TAG = "hourglass/process"
OPEN = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
# A process writes its tag within seconds of the run's start.
UNTAGGED = timedelta(minutes=5)
SENSOR_SECONDS = 30
# Two months of daily runs; each leaves 9 MB: its events in a file of its own and in the index.
KEPT_RUNS = 60
PRUNED_AT_ONCE = 50
MESSAGE = (
    "The process that worked on this run is gone: it was killed, or the machine went down. The "
    "version in force is untouched; start the run again."
)


def process_tag(pid: int | None = None) -> str | None:
    """``<pid> <start>`` of a process, this one by default; None when there is none.

    The start is part of it because process ids come again.
    """
    pid = os.getpid() if pid is None else pid
    started = _started(pid)
    return None if started is None else f"{pid} {started}"


def close_dead_runs(
    instance: dg.DagsterInstance, settings: Settings, *, now: datetime | None = None
) -> list[str]:
    """Mark the runs as failed whose process is gone; their ids.

    Of a process in another container, or before a restart, nothing is seen from here: it is gone
    when nobody holds the run lock.
    """
    now = now or datetime.now(UTC)
    closed = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=OPEN)):
        if _is_dead(record, settings, now):
            mark_may_pass(instance, record.dagster_run.run_id)
            instance.report_run_failed(record.dagster_run, MESSAGE)
            closed.append(record.dagster_run.run_id)
    return closed


def prune_history(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Forget all but the newest runs, and their log files."""
    beyond = instance.get_run_records(cursor=_nth_run(instance, KEPT_RUNS), limit=PRUNED_AT_ONCE)
    for record in beyond:
        if record.dagster_run.is_finished:
            instance.delete_run(record.dagster_run.run_id)
    logs = sorted((settings.dagster_home / "logs").glob("*.log"))
    for path in logs[:-KEPT_RUNS]:
        with suppress(FileNotFoundError):
            path.unlink()


def told_runs(instance: dg.DagsterInstance, limit: int) -> list[dict[str, str]]:
    """The newest runs, whoever started them, newest first: ``run_id``, ``status``, ``at`` (start,
    or creation of one that waits; UTC), ``started_by``, and the first sentence of the ``cause`` of
    one that failed.
    """
    return [_described(instance, record) for record in instance.get_run_records(limit=limit)]


def recent_runs(settings: Settings, limit: int) -> list[dict[str, str]]:
    """The newest runs as :func:`told_runs` tells them, dead ones closed first."""
    os.environ["DAGSTER_HOME"] = str(ensure_dagster_home(settings))
    with dg.DagsterInstance.get() as instance:
        close_dead_runs(instance, settings)
        return told_runs(instance, limit)


def _described(instance: dg.DagsterInstance, record: dg.RunRecord) -> dict[str, str]:
    run = record.dagster_run
    begun = record.start_time or record.create_timestamp.timestamp()
    tags = run.tags
    started_by = (
        tags.get("hourglass/started_by")
        or (f"schedule {tags['dagster/schedule_name']}" if "dagster/schedule_name" in tags else "")
        or (f"sensor {tags['dagster/sensor_name']}" if "dagster/sensor_name" in tags else "")
        or "the UI"
    )
    return {
        "run_id": run.run_id,
        "status": run.status.value.lower(),
        "at": f"{datetime.fromtimestamp(begun, UTC):%Y-%m-%d %H:%M}",
        "started_by": started_by,
        "cause": _cause(instance, run.run_id) if run.is_failure_or_canceled else "",
    }


def _cause(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed, on one line: what the first failing step said, else what Dagster says."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    for entry in instance.all_logs(run_id, of_type=kinds):
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            return step_failure(event).splitlines()[0]
        return (event.message or "").splitlines()[0]
    return ""


def step_failure(event: dg.DagsterEvent) -> str:
    """What a failed step says to a person."""
    data = event.step_failure_data
    failure = data.user_failure_data
    if failure is not None and failure.description:
        return failure.description
    if data.error is not None:
        cause = data.error.cause or data.error
        return f"{event.step_key}: {cause.message.strip()}"
    return f"{event.step_key} failed"


def build_history_sensor(settings: Settings) -> dg.SensorDefinition:
    """Runs in the daemon, always: a queue behind a dead run helps nobody, and where nobody calls
    the command line nothing else forgets a run.
    """

    @dg.sensor(
        name="run_history",
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Closes runs whose process is gone, so that the queue goes on, and forgets the "
        "oldest runs.",
    )
    def run_history(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        closed = close_dead_runs(context.instance, settings)
        prune_history(context.instance, settings)
        return dg.SkipReason(f"Closed {len(closed)} dead runs." if closed else "No dead run.")

    return run_history


def _nth_run(instance: dg.DagsterInstance, n: int) -> str | None:
    """The id of the n-th newest run; an id that no run has when there are fewer."""
    records = instance.get_run_records(limit=n)
    return records[-1].dagster_run.run_id if len(records) == n else "none"


def _is_dead(record: RunRecord, settings: Settings, now: datetime) -> bool:
    tag = record.dagster_run.tags.get(PROCESS_TAG)
    if tag is None:
        begun = record.start_time or record.create_timestamp.timestamp()
        return now - datetime.fromtimestamp(begun, UTC) > UNTAGGED
    if tag.rpartition("@")[2] != _place():
        return not is_run_at_work(settings)
    pid = tag.split()[0]
    return not pid.isdigit() or process_tag(int(pid)) != tag


def _started(pid: int) -> str | None:
    """When a process was started, in words that stay the same while it lives."""
    if sys.platform == "linux":
        with suppress(OSError, IndexError):
            # After the name in brackets, which may hold anything: state, parent … start in ticks.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                return f"{fields[19]}@{_place()}"
        return None
    told = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    started = told.stdout.strip()
    return f"{started}@{_place()}" if started else None


def _place() -> str:
    """Where process ids mean the same: this start of this machine, this container."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        return f"{boot}.{Path('/proc/self/ns/pid').readlink().name}"
    return ""
