"""A small warehouse whose gate has passed, without the seconds that Great Expectations takes."""

import sys
from datetime import datetime

import pytest

from dagster_project.publish import publish
from dagster_project.publish.versions import new_name
from dagster_project.quality import gate
from dagster_project.warehouse import connect
from tests.small_warehouse import fill, pass_gate, report_page, small_settings, write_suites


@pytest.fixture
def settings(tmp_path):
    return small_settings(tmp_path)


@pytest.fixture
def suites_dir(tmp_path):
    return write_suites(tmp_path / "suites")


@pytest.fixture
def con(settings, suites_dir, tmp_path):
    with connect(settings) as con:
        gate.create_quality_tables(con)
        fill(con)
        pass_gate(con, settings, suites_dir, tmp_path / "dbt")
        yield con


@pytest.fixture
def put_out(con, settings, suites_dir, tmp_path):
    """Publish the build ``b<stamp>``."""

    def put_out(stamp: int = 1, **overrides):
        chosen = settings.model_copy(update=overrides)
        fill(con, f"b{stamp}", stamp=stamp)
        pass_gate(con, chosen, suites_dir, tmp_path / "dbt")
        return publish(con, chosen, render=report_page, suites_dir=suites_dir)

    return put_out


@pytest.fixture
def at(monkeypatch):
    """Set the clock by which versions are named."""

    def at(moment: datetime) -> None:
        def named(settings, now=None, *, is_restated=False):
            return new_name(settings, now or moment, is_restated=is_restated)

        # The package's name for it is the function.
        module = sys.modules["dagster_project.publish.publish"]
        monkeypatch.setattr(module, "new_name", named)

    return at
