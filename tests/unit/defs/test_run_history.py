"""A killed run heals: who comes next closes it."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import DagsterRunStatus

from dagster_project.defs import run_history
from dagster_project.defs.retries import MAY_PASS_TAG
from dagster_project.defs.run_history import (
    PROCESS_TAG,
    UNTAGGED,
    build_history_sensor,
    close_dead_runs,
    process_tag,
    prune_history,
)
from dagster_project.operations.lock import run_lock
from dagster_project.settings import load_settings


@dg.job
def nothing() -> None:
    pass


@pytest.fixture
def instance():
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def settings(tmp_path):
    return load_settings(data_dir=tmp_path)


def started_run(instance: dg.DagsterInstance, tag: str | None) -> str:
    run = instance.create_run_for_job(
        nothing, status=DagsterRunStatus.STARTED, tags={PROCESS_TAG: tag} if tag else {}
    )
    return run.run_id


def dead_process() -> str:
    """The tag of a process that was killed."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        tag = process_tag(process.pid)
        process.kill()
    assert tag is not None
    return tag


def test_the_run_of_a_killed_process_is_closed_and_no_other(instance, settings):
    """The queue waits for ever for a run that nobody works on, or a working run is called dead."""
    dead = started_run(instance, dead_process())
    alive = started_run(instance, process_tag())
    # The id of a dead process came again: this process did not start then.
    reused = started_run(instance, f"{os.getpid()} 1@00000000")
    assert set(close_dead_runs(instance, settings)) == {dead, reused}
    assert instance.get_run_by_id(dead).status is DagsterRunStatus.FAILURE
    assert MAY_PASS_TAG in instance.get_run_by_id(dead).tags, "the sensor tries it again"
    assert instance.get_run_by_id(alive).status is DagsterRunStatus.STARTED
    assert close_dead_runs(instance, settings) == []


def test_a_run_in_another_container_is_judged_by_the_lock(instance, settings):
    """The web server's container closes the run that the daemon's is working on; or the run of a
    container that was replaced stays for ever."""
    elsewhere = started_run(instance, "7 123@0badcafe.pid:[1]")
    with run_lock(settings):
        assert close_dead_runs(instance, settings) == []
    assert close_dead_runs(instance, settings) == [elsewhere]


def test_a_run_that_never_said_its_process_is_given_time(instance, settings):
    """A run that was killed before it could say its process stays for ever; or one that is just
    starting is closed."""
    run = started_run(instance, None)
    assert close_dead_runs(instance, settings) == []
    later = datetime.now(UTC) + UNTAGGED + timedelta(minutes=1)
    assert close_dead_runs(instance, settings, now=later) == [run]


def test_the_daemon_closes_them_too(instance, settings):
    """Nobody starts a run by hand, and so the schedule's runs wait behind a dead one."""
    dead = started_run(instance, dead_process())
    with dg.build_sensor_context(instance=instance) as context:
        build_history_sensor(settings)(context)
    assert instance.get_run_by_id(dead).is_failure


def test_only_the_newest_runs_are_kept(instance, settings, monkeypatch):
    """A year of daily runs fills the disk; or a run that is at work is forgotten."""
    monkeypatch.setattr(run_history, "KEPT_RUNS", 2)
    working = started_run(instance, process_tag())
    runs = [instance.create_run_for_job(nothing).run_id for _ in range(4)]
    for run_id in runs:
        instance.report_run_failed(instance.get_run_by_id(run_id))
    (settings.dagster_home / "logs").mkdir(parents=True)
    for number in range(4):
        (settings.dagster_home / "logs" / f"{number}.log").write_text("")
    prune_history(instance, settings)
    kept = {run.run_id for run in instance.get_runs()}
    assert kept == {working, *runs[-2:]}
    assert {path.name for path in (settings.dagster_home / "logs").iterdir()} == {"2.log", "3.log"}
