"""When the daily job starts by itself, and who hears of it when something is wrong."""

import hashlib
import json
import os
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from dagster_project.defs.retries import run_to_retry
from dagster_project.errors import HourglassError
from dagster_project.load.settling import is_held_back
from dagster_project.operations.landing_spool import remote_stamps, spooled
from dagster_project.settings import Settings

JOB_NAME = "daily"
SENSOR_SECONDS = 60


def run_config(
    as_of: str | None,
    *,
    full_refresh: bool = False,
    force: bool = False,
    make_current: bool = False,
    take_now: bool = False,
) -> dict:
    """The run configuration of the daily job."""
    given = {
        "as_of": as_of,
        "full_refresh": full_refresh,
        "force": force,
        "make_current": make_current,
        "take_now": take_now,
    }
    return {"ops": {"load": {"config": {k: v for k, v in given.items() if v}}}}


def yesterday(settings: Settings, now: datetime) -> str:
    """The last fully elapsed business date at ``now`` (an aware datetime), as YYYY-MM-DD."""
    day = now.astimezone(ZoneInfo(settings.time_zone)).date() - timedelta(days=1)
    return (settings.as_of or day).isoformat()


def landing_fingerprint(
    landing: Path, settle_seconds: float = 0, *, without: Collection[str] = ()
) -> str:
    """Changes when a file under ``landing`` is added, replaced or still growing; those at the
    relative paths ``without`` are not looked at.

    And when one that looks cut off held still so long that a run takes it all the same.
    """
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(landing):
        folders.sort()
        for name in sorted(files):
            path = Path(folder) / name
            if str(path.relative_to(landing)) in without:
                continue
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            held = is_held_back(path, settle_seconds)
            digest.update(
                f"{path.relative_to(landing)}\0{stat.st_size}\0{stat.st_mtime_ns}\0{held}\n".encode()
            )
    return digest.hexdigest()


def build_job(settings: Settings) -> UnresolvedAssetJobDefinition:
    """Load to publish, everything."""
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.all(),
        description="Loads what landed, resolves people, builds the marts, checks and publishes.",
    )


def is_waiting(instance: dg.DagsterInstance) -> bool:
    """Whether a run of the job has not started yet, whoever asked for it."""
    waiting = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
    filters = dg.RunsFilter(job_name=JOB_NAME, statuses=waiting)
    return bool(instance.get_run_records(filters, limit=1))


def build_schedule(settings: Settings, job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """The daily tick; it passes yesterday in the business time zone as ``as_of``."""

    @dg.schedule(
        name="every_day",
        job=job,
        cron_schedule=settings.schedule_cron,
        execution_timezone=settings.time_zone,
        default_status=(
            dg.DefaultScheduleStatus.RUNNING
            if settings.schedule_enabled
            else dg.DefaultScheduleStatus.STOPPED
        ),
        description="Runs the daily job for the last fully elapsed business day.",
    )
    def every_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if is_waiting(context.instance):
            return dg.SkipReason("A run waits in the queue; it loads what landed until it starts.")
        tick = context.scheduled_execution_time
        as_of = yesterday(settings, tick)
        # By the tick and not by the day: a schedule may tick every hour.
        return dg.RunRequest(run_key=tick.isoformat(), run_config=run_config(as_of))

    return every_day


def build_sensor(settings: Settings, job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Starts the job when the files in landing/ changed and then held still for one tick, and again
    when it failed from a cause that may have passed (``defs/retries.py``)."""

    @dg.sensor(
        name="new_files",
        job=job,
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=(
            dg.DefaultSensorStatus.RUNNING
            if settings.schedule_enabled
            else dg.DefaultSensorStatus.STOPPED
        ),
        description="Runs the daily job when new files landed and nobody is writing them any more, "
        "and again when it failed from a cause that may have passed.",
    )
    def new_files(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        state = json.loads(context.cursor or "{}")
        try:
            seen = _seen(settings)
        except HourglassError as error:
            yield dg.SkipReason(error.message)
            return
        if seen == state.get("handled"):
            failed = run_to_retry(context.instance, JOB_NAME)
            if failed is None or is_waiting(context.instance):
                yield dg.SkipReason("No new file in landing/.")
                return
            # By the run that failed: one retry of each.
            yield dg.RunRequest(
                run_key=f"retry of {failed.run_id}", run_config=dict(failed.run_config)
            )
            return
        if seen != state.get("seen"):
            context.update_cursor(json.dumps({**state, "seen": seen}))
            yield dg.SkipReason("Files in landing/ changed; waiting for them to hold still.")
            return
        context.update_cursor(json.dumps({"handled": seen, "seen": seen}))
        if is_waiting(context.instance):
            yield dg.SkipReason("A run waits in the queue; it loads these files too.")
            return
        as_of = yesterday(settings, datetime.now(ZoneInfo(settings.time_zone)))
        yield dg.RunRequest(run_key=seen, run_config=run_config(as_of))

    return new_files


def _seen(settings: Settings) -> str:
    """What lies in landing/ and in the remote folder; each file in one of them, so that bringing
    one here is no news."""
    brought = spooled(settings) if settings.landing_url else set()
    here = landing_fingerprint(settings.landing_dir, settings.settle_seconds, without=brought)
    there = json.dumps(remote_stamps(settings), sort_keys=True)
    return hashlib.sha256(f"{here}{there}".encode()).hexdigest()
