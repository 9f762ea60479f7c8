"""MetricFlow reads the same definitions, over the published file."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml

from dagster_project.errors import UsageError
from dagster_project.metrics import compile_metric, load_metrics
from dagster_project.metrics.metricflow import write_project
from tests.parquet_only import move_to_parquet
from tests.unit.report import report_company as company


@pytest.fixture(scope="module")
def marts(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("published") / "marts.duckdb"
    with duckdb.connect(str(path)) as con:
        company.create_tables(con)
        company.fill(con)
        con.execute(
            "INSERT INTO calendar (date_day) SELECT unnest(generate_series("
            "DATE '2022-01-01', DATE '2024-12-31', INTERVAL 1 DAY))::DATE"
        )
    return path


def test_the_project_names_each_mart_and_no_reserved_dimension(marts, tmp_path):
    """mf query stops at the first definition, or builds tables into the published file."""
    write_project(marts, tmp_path / "mf")
    models = {path.stem for path in (tmp_path / "mf" / "models").glob("*.sql")}
    assert models == {m.mart for m in load_metrics().models.values()} | {"calendar"}
    for path in (tmp_path / "mf" / "models").glob("*.yml"):
        for model in yaml.safe_load(path.read_text()).get("semantic_models") or ():
            names = {dimension["name"] for dimension in model["dimensions"]}
            assert "month" not in names
            assert model["defaults"]["agg_time_dimension"] in names
    profile = yaml.safe_load((tmp_path / "mf" / "profiles.yml").read_text())
    (output,) = profile["hourglass_metrics"]["outputs"].values()
    assert output["config_options"] == {"access_mode": "READ_ONLY"}
    write_project(marts, tmp_path / "mf")


def test_nothing_else_is_overwritten(marts, tmp_path):
    """A slip in the folder's name replaces somebody's own files."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        write_project(marts, tmp_path)
    with pytest.raises(UsageError, match="Run hourglass run first"):
        write_project(tmp_path / "no.duckdb", tmp_path / "mf")


def test_marts_that_metricflow_cannot_read_are_named(marts, tmp_path):
    """A project is written whose every question about orders fails with an unknown table."""
    shutil.copytree(marts.parent, tmp_path / "version")
    move_to_parquet(tmp_path / "version", {"orders"})
    with pytest.raises(UsageError, match=r"orders are Parquet alone.*HOURGLASS_PARQUET_ONLY_ROWS"):
        write_project(tmp_path / "version" / "marts.duckdb", tmp_path / "mf")
    assert not (tmp_path / "mf").exists()


def test_metricflow_gives_every_number(marts, tmp_path):
    """MetricFlow and the report call two numbers by one name."""
    command = shutil.which("mf", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if command is None:
        pytest.skip("needs MetricFlow, which was not found; pip install 'hourglass[metrics]'")
    folder = tmp_path / "mf"
    write_project(marts, folder)
    environment = {
        **os.environ,
        "PATH": f"{Path(command).parent}:{os.environ['PATH']}",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    metrics = load_metrics()
    answer = tmp_path / "answer.csv"
    for call in (
        ["dbt", "parse", "--quiet", "--profiles-dir", "."],
        ["mf", "query", "--metrics", ",".join(metrics.metrics), "--csv", str(answer)],
    ):
        done = subprocess.run(
            call, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    (row,) = csv.DictReader(answer.open(encoding="utf-8"))
    with duckdb.connect(str(marts), read_only=True) as con:
        for name in metrics.metrics:
            result = con.execute(compile_metric(metrics, name)).fetchone()
            expected = None if result is None or result[0] is None else float(result[0])
            given = float(row[name]) if row[name] else None
            assert given == (None if expected is None else pytest.approx(expected)), name
