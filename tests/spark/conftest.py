"""Spark where it is installed; ``make test-spark`` installs it, and fails where it cannot start."""

import os
from pathlib import Path

import pytest

from dagster_project.engine import require_engine
from dagster_project.errors import UsageError
from dagster_project.settings import Settings, load_settings
from tests.integration.conftest import project
from tests.integration.dbt_core.conftest import warehouse
from tests.unit.load.conftest import make_landing

__all__ = ["make_landing", "project", "warehouse"]

SMALL = Path(__file__).with_name("small.conf")
# Seconds of a whole run: a Spark starts for each call of dbt.
SLOWEST = 3600
# What a run of a small company on Spark is told; make test-spark sets SPARK_TESTS.
ENGINE = {
    "HOURGLASS_ENGINE": "spark",
    "HOURGLASS_SPARK_CONF": str(SMALL),
    "HOURGLASS_SPARK_PARTITIONS": "1",
}


@pytest.fixture(scope="session", autouse=True)
def spark() -> None:
    """Nothing here without Spark and its Java: skipped, or failed where they have to be."""
    try:
        require_engine(load_settings(engine="spark"))
    except UsageError as error:
        if os.environ.get("SPARK_TESTS"):
            pytest.fail(error.message, pytrace=False)
        pytest.skip(error.message)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path, engine="spark", spark_conf=SMALL, spark_partitions=1)
