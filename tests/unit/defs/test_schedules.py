"""When the job starts by itself, and for which day."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from dagster_project.defs.retries import WAITS, mark_may_pass, run_to_retry
from dagster_project.defs.schedules import (
    build_job,
    build_schedule,
    build_sensor,
    landing_fingerprint,
    yesterday,
)
from dagster_project.settings import load_settings


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("UTC", datetime(2026, 6, 30, 5, tzinfo=UTC), "2026-06-29"),
        # 21:30 UTC is already the next day in Moscow, so the day just past is the 30th.
        ("Europe/Moscow", datetime(2026, 6, 30, 21, 30, tzinfo=UTC), "2026-06-30"),
        ("America/Los_Angeles", datetime(2026, 7, 1, 5, tzinfo=UTC), "2026-06-29"),
        # The night of the clock change has 23 hours.
        ("Europe/London", datetime(2026, 3, 29, 0, 30, tzinfo=UTC), "2026-03-28"),
    ],
)
def test_scheduled_day_is_the_last_elapsed_business_day(tmp_path, zone, now, expected):
    """The daily run counts half of today, or loses a day at midnight."""
    settings = load_settings(data_dir=tmp_path, time_zone=zone)
    assert yesterday(settings, now) == expected


@dg.job
def daily() -> None:
    pass


@pytest.fixture
def instance():
    with dg.instance_for_test() as instance:
        yield instance


def test_schedule_passes_as_of(tmp_path, instance):
    """A run that waited in the queue over midnight counts another day than the one of its tick."""
    settings = load_settings(data_dir=tmp_path)
    schedule = build_schedule(settings, build_job(settings))
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=datetime(2026, 6, 30, 5, tzinfo=UTC)
    ) as context:
        request = schedule.evaluate_tick(context).run_requests[0]
    assert request.run_config == {"ops": {"load": {"config": {"as_of": "2026-06-29"}}}}
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED


def test_a_schedule_may_tick_every_hour(tmp_path, instance):
    """Of a day's 24 ticks the first is run and the others are taken for the same."""
    settings = load_settings(data_dir=tmp_path)
    schedule = build_schedule(settings, build_job(settings))
    keys = set()
    for hour in (5, 6):
        with dg.build_schedule_context(
            instance=instance, scheduled_execution_time=datetime(2026, 6, 30, hour, tzinfo=UTC)
        ) as context:
            keys.add(schedule.evaluate_tick(context).run_requests[0].run_key)
    assert len(keys) == 2


def test_a_waiting_run_is_enough(tmp_path, instance):
    """While a long run works, every tick and every file add one more run behind it."""
    settings = load_settings(data_dir=tmp_path)
    job = build_job(settings)
    instance.create_run_for_job(daily)
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=datetime(2026, 6, 30, 5, tzinfo=UTC)
    ) as context:
        assert build_schedule(settings, job).evaluate_tick(context).run_requests == []
    sensor, cursor = build_sensor(settings, job), None
    for _ in range(3):
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            result = sensor.evaluate_tick(context)
        assert result.run_requests == []
        cursor = result.cursor


def test_schedule_is_switched_on_by_environment(tmp_path):
    """A laptop starts the company's job, or the server does not."""
    settings = load_settings(data_dir=tmp_path, schedule_enabled=True)
    job = build_job(settings)
    assert build_schedule(settings, job).default_status == dg.DefaultScheduleStatus.RUNNING
    assert build_sensor(settings, job).default_status == dg.DefaultSensorStatus.RUNNING


def test_sensor_waits_until_files_hold_still(tmp_path, instance):
    """A file that is still being copied is loaded in half, or new files wait for the night."""
    settings = load_settings(data_dir=tmp_path)
    sensor = build_sensor(settings, build_job(settings))
    folder = settings.landing_dir / "crm"
    folder.mkdir(parents=True)
    cursor = None

    def tick() -> int:
        nonlocal cursor
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            result = sensor.evaluate_tick(context)
        cursor = result.cursor
        return len(result.run_requests)

    (folder / "contacts.csv").write_text("contact_id\n1\n")
    assert tick() == 0
    (folder / "contacts.csv").write_text("contact_id\n1\n2\n")
    assert tick() == 0
    assert tick() == 1
    assert tick() == 0


def test_fingerprint_sees_a_replaced_file(tmp_path):
    """A corrected file under the same name and size is never loaded."""
    (tmp_path / "a.csv").write_text("1")
    before = landing_fingerprint(tmp_path)
    (tmp_path / "b.csv").write_text("1")
    (tmp_path / "b.csv").replace(tmp_path / "a.csv")
    assert landing_fingerprint(tmp_path) != before


def failed_run(instance, *, may_pass: bool) -> dg.DagsterRun:
    run = instance.create_run_for_job(daily, run_config={"ops": {}})
    if may_pass:
        mark_may_pass(instance, run.run_id)
    instance.report_run_failed(run, "failed")
    return run


def test_a_run_is_retried_when_its_cause_may_have_passed(instance):
    """After a night's power cut nothing runs until somebody looks; or a file that cannot be read is
    tried all day long."""
    now = datetime.now(UTC)

    def retried(after: timedelta) -> str | None:
        run = run_to_retry(instance, "daily", now=now + after)
        return run and run.run_id

    assert retried(timedelta(days=1)) is None
    failed_run(instance, may_pass=False)
    assert retried(timedelta(days=1)) is None, "what a person must mend"
    for wait in WAITS:
        run_id = failed_run(instance, may_pass=True).run_id
        assert retried(wait / 2) is None
        assert retried(wait + timedelta(minutes=1)) == run_id
    failed_run(instance, may_pass=True)
    assert retried(timedelta(days=1)) is None, "three times are enough"
    failed_run(instance, may_pass=False)
    assert retried(timedelta(days=1)) is None


def test_the_sensor_retries_a_run_once_with_what_it_was_given(tmp_path, instance, monkeypatch):
    """The run of a past day is repeated for today, or a dead run is started again every minute."""
    settings = load_settings(data_dir=tmp_path)
    sensor, cursor = build_sensor(settings, build_job(settings)), None
    monkeypatch.setattr("dagster_project.defs.retries.WAITS", (timedelta(0),))
    requests = []
    for _ in range(2):
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            requests += sensor.evaluate_tick(context).run_requests
            cursor = context.cursor
    requests.clear()
    run = failed_run(instance, may_pass=True)
    for _ in range(2):
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            requests += sensor.evaluate_tick(context).run_requests
    assert {request.run_key for request in requests} == {f"retry of {run.run_id}"}
    assert all(request.run_config == run.run_config for request in requests)
