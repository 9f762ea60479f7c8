"""Dagster's history in PostgreSQL, on a real server: what a container has instead of SQLite."""

import dagster as dg
import pytest

from dagster_project.defs.dagster_home import ensure_dagster_home
from dagster_project.defs.run_history import recent_runs
from dagster_project.settings import load_settings
from tests.postgres_server import postgres_server

pytest.importorskip("dagster_postgres")


@dg.op
def broken() -> None:
    raise dg.Failure(description="customers: volume failed, 9 rows.")


@dg.job
def daily() -> None:
    broken()


def test_history_lies_in_postgres(tmp_path, monkeypatch):
    """With web server and daemon in two containers each has a history of its own, or the command
    ends in a KeyError."""
    with postgres_server() as url:
        monkeypatch.setenv("HOURGLASS_DAGSTER_POSTGRES_URL", url.replace("owner@", "owner:s3cret@"))
        settings = load_settings(data_dir=tmp_path)
        home = ensure_dagster_home(settings)
        monkeypatch.setenv("DAGSTER_HOME", str(home))
        with dg.DagsterInstance.get() as instance:
            daily.execute_in_process(instance=instance, raise_on_error=False)
        [run] = recent_runs(settings, 5)
    assert (run["status"], run["cause"]) == ("failure", "customers: volume failed, 9 rows.")
    assert "s3cret" not in (home / "dagster.yaml").read_text()
    assert not list(home.rglob("*.db"))
