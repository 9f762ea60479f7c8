"""Retries: a run that failed from a cause which may have passed is started again by the sensor.

Such causes are marked where they are met: the process was killed, another process held what the
run needed, a disk was full or away. What a person must mend (a file, a setting, a failed check) is
not marked: a new file starts a run by itself, and the same input fails in the same way.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

MAY_PASS_TAG = "hourglass/may_pass"
# After the first, second and third failed run in a row; then a person has been told three times.
WAITS = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))


def mark_may_pass(instance: dg.DagsterInstance, run_id: str) -> None:
    """Say of a failed or failing run that starting it again later can succeed."""
    instance.add_run_tags(run_id, {MAY_PASS_TAG: "true"})


def run_to_retry(
    instance: dg.DagsterInstance, job_name: str, *, now: datetime | None = None
) -> dg.DagsterRun | None:
    """The newest run of the job when it is to be started again now; None otherwise.

    ``now`` is aware; the present time by default.
    """
    now = now or datetime.now(UTC)
    newest = instance.get_run_records(dg.RunsFilter(job_name=job_name), limit=len(WAITS) + 1)
    failed_in_a_row = 0
    for record in newest:
        run = record.dagster_run
        if run.status != dg.DagsterRunStatus.FAILURE or MAY_PASS_TAG not in run.tags:
            break
        failed_in_a_row += 1
    if not 0 < failed_in_a_row <= len(WAITS):
        return None
    ended = datetime.fromtimestamp(newest[0].end_time or 0, UTC)
    return newest[0].dagster_run if now - ended >= WAITS[failed_in_a_row - 1] else None
