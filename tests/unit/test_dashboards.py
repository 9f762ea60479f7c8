"""The ready dashboards of bi/ fit the marts that are published."""

import importlib.util
import json
import zipfile
from pathlib import Path

import duckdb
import pytest
import yaml

from dagster_project.settings import PROJECT_ROOT
from dagster_project.warehouse import identifier
from tests.unit.report.mart_tables import create_marts

ASSETS = PROJECT_ROOT / "bi" / "superset" / "assets"


def read(kind: str) -> dict[str, dict]:
    return {
        content["uuid"]: content
        for path in sorted((ASSETS / kind).rglob("*.yaml"))
        if (content := yaml.safe_load(path.read_text(encoding="utf-8")))
    }


DATASETS, CHARTS = read("datasets"), read("charts")


@pytest.fixture(scope="module")
def marts():
    with duckdb.connect() as con:
        create_marts(con)
        yield con


@pytest.mark.parametrize("key", DATASETS, ids=lambda key: DATASETS[key]["table_name"])
def test_a_dataset_has_the_columns_of_its_mart(marts, key):
    """A column is renamed, and a chart of everybody's dashboard shows an error instead."""
    dataset = DATASETS[key]
    table = identifier(dataset["table_name"])
    known = {name for name, *_ in marts.execute(f"DESCRIBE {table}").fetchall()}
    # Columns that a mart has gained since are found by Superset itself.
    assert {column["column_name"] for column in dataset["columns"]} <= known
    assert dataset["main_dttm_col"] in known | {None}
    for metric in dataset["metrics"]:
        marts.execute(f"SELECT {metric['expression']} FROM {table}")


@pytest.mark.parametrize("key", CHARTS, ids=lambda key: CHARTS[key]["slice_name"])
def test_a_chart_asks_for_what_its_dataset_has(key):
    """A dashboard is imported, and one of its charts asks for a metric that nobody defined."""
    chart = CHARTS[key]
    dataset = DATASETS[chart["dataset_uuid"]]
    columns = {column["column_name"] for column in dataset["columns"]}
    (query,) = json.loads(chart["query_context"])["queries"]
    assert set(query["metrics"]) <= {metric["metric_name"] for metric in dataset["metrics"]}
    named = {c["sqlExpression"] if isinstance(c, dict) else c for c in query["columns"]}
    assert named | {f["col"] for f in query["filters"]} <= columns


def test_every_chart_stands_on_a_dashboard(tmp_path):
    """A chart is imported that no dashboard shows, or a dashboard has a hole."""
    placed = {
        part["meta"]["uuid"]
        for dashboard in read("dashboards").values()
        for part in dashboard["position"].values()
        if isinstance(part, dict) and part.get("type") == "CHART"
    }
    assert placed == set(CHARTS)


def test_the_import_points_at_the_published_file(tmp_path):
    """Dashboards read the file of whoever exported them."""
    spec = importlib.util.spec_from_file_location(
        "import_dashboards", ASSETS.parent / "import_dashboards.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    marts = Path("/data/published/current/marts.duckdb")
    module.bundle(marts, tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        database = yaml.safe_load(archive.read("hourglass/databases/Hourglass.yaml"))
        assert len(archive.namelist()) == len([*ASSETS.rglob("*.yaml")])
    assert database["sqlalchemy_uri"] == f"duckdb:///{marts}?access_mode=READ_ONLY"
    config = database["extra"]["engine_params"]["connect_args"]["config"]
    assert config == {"enable_external_access": "false", "lock_configuration": "true"}
