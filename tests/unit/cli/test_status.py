"""``hourglass status`` says the truth to a person and to a monitor."""

import json
import socket
import subprocess
import sys
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import DagsterRunStatus

from dagster_project.cli.status import show_status, status_now
from dagster_project.cli.ui import serve_ui
from dagster_project.defs.dagster_home import ensure_dagster_home
from dagster_project.defs.runs import job_origin
from dagster_project.errors import UsageError
from dagster_project.settings import PROJECT_ROOT, load_settings


@dg.op
def gate() -> None:
    raise dg.Failure(description="customers: volume failed, 9 rows.\nMore of it.")


@dg.job
def daily() -> None:
    gate()


@pytest.fixture
def settings(tmp_path, monkeypatch):
    settings = load_settings(data_dir=tmp_path / "data")
    monkeypatch.setenv("DAGSTER_HOME", str(ensure_dagster_home(settings)))
    return settings


def test_runs_say_why_they_failed_and_when_they_came(settings):
    """At five in the morning status says "queued, 1970-01-01", and never why a run failed."""
    with dg.DagsterInstance.get() as instance:
        daily.execute_in_process(instance=instance, raise_on_error=False)
        instance.create_run_for_job(
            daily,
            status=DagsterRunStatus.QUEUED,
            remote_job_origin=job_origin(),
            tags={"dagster/schedule_name": "every_day"},
        )
    queued, failed = status_now(settings)["runs"]
    assert (queued["status"], queued["started_by"]) == ("queued", "schedule every_day")
    assert queued["at"].startswith(f"{datetime.now(UTC):%Y-%m-}")
    assert (failed["status"], failed["cause"]) == ("failure", "customers: volume failed, 9 rows.")


def test_a_monitor_sees_that_nothing_is_in_force(settings, capsys):
    """A monitor stays green while no version was ever published."""
    assert show_status(settings, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["version"] is None


def test_a_taken_port_is_a_sentence(settings):
    """`hourglass ui` beside another one ends in a stack trace of the web server."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port} of 127.0.0.1 cannot be used"):
            serve_ui(settings, host="127.0.0.1", port=port)


def test_status_does_not_wait_for_dbt():
    """A monitor that asks each minute spends nine seconds a time on libraries that only runs use.

    9.2 s, and 2.9 s without them, on the sample (December 2026).
    """
    script = (
        "import sys, dagster_project.cli.status, dagster_project.defs.run_history;"
        "print([name for name in ('dbt', 'dagster_dbt') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script]
    assert subprocess.check_output(command, cwd=PROJECT_ROOT, text=True).strip() == "[]"
