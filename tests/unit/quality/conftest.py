"""One small warehouse per test."""

import pytest

from dagster_project.warehouse import connect
from tests.small_warehouse import fill, record_dbt, small_settings, write_suites


@pytest.fixture
def settings(tmp_path):
    return small_settings(tmp_path)


@pytest.fixture
def suites_dir(tmp_path):
    return write_suites(tmp_path / "suites")


@pytest.fixture
def con(settings, tmp_path):
    with connect(settings) as con:
        fill(con)
        record_dbt(con, tmp_path / "dbt")
        yield con
