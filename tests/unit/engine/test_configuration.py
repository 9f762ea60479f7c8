"""What Spark is told: a person's own settings count, except those that results depend on."""

import sys
from pathlib import Path

import pytest

from dagster_project.engine.configuration import MEANING, spark_conf, spark_environment
from dagster_project.errors import UsageError
from dagster_project.settings import load_settings


def test_own_settings_count_but_not_over_what_results_depend_on(tmp_path: Path):
    """A setting of the cluster moves every timestamp, and the marts with them."""
    own = tmp_path / "own.conf"
    own.write_text(
        "# the cluster's\n\nspark.executor.cores 4\nspark.sql.session.timeZone Asia/Tokyo\n"
    )
    settings = load_settings(
        data_dir=tmp_path, engine="spark", spark_conf=own, spark_master="spark://host:7077"
    )
    conf = spark_conf(settings)
    assert (conf["spark.executor.cores"], conf["spark.master"]) == ("4", "spark://host:7077")
    assert {name: conf[name] for name in MEANING} == MEANING
    folder = Path(spark_environment(settings)["SPARK_CONF_DIR"])
    assert "spark.executor.cores 4\n" in (folder / "spark-defaults.conf").read_text()


@pytest.mark.parametrize("line", ["executor.cores 4", "spark.executor.cores", "spark.x=4"])
def test_a_line_that_is_no_setting_is_named(tmp_path: Path, line: str):
    """A misspelt setting is passed over, and the cluster does something else."""
    own = tmp_path / "own.conf"
    own.write_text(f"# mine\n{line}\n")
    with pytest.raises(UsageError, match=r"own\.conf, line 2: expected"):
        spark_conf(load_settings(data_dir=tmp_path, engine="spark", spark_conf=own))


def test_spark_on_one_machine_listens_to_nobody_else(tmp_path: Path):
    """Anybody in the network can reach a driver that holds people's data."""
    conf = spark_conf(load_settings(data_dir=tmp_path, engine="spark"))
    assert conf["spark.driver.bindAddress"] == "127.0.0.1"
    assert conf["spark.ui.enabled"] == "false"


def test_workers_read_files_with_the_python_that_has_this_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A load on Spark fails in another Python, or reads by the rules of an older release."""
    settings = load_settings(data_dir=tmp_path, engine="spark")
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    assert spark_environment(settings)["PYSPARK_PYTHON"] == sys.executable
    monkeypatch.setenv("PYSPARK_PYTHON", "/opt/hourglass/bin/python")
    assert spark_environment(settings)["PYSPARK_PYTHON"] == "/opt/hourglass/bin/python"
