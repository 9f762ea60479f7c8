"""Every model on Spark against the same model on DuckDB, on the rows of a busy small company."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from dagster_project.engine import after_models, dbt_executable
from dagster_project.engine.tables import hand_over
from dagster_project.quality.suites import load_suites
from dagster_project.settings import Settings
from dagster_project.transform.project import (
    cache_dir,
    dbt_environment,
    prepare_project,
    share_parse,
)
from dagster_project.warehouse import connect
from tests.equal_marts import differences
from tests.integration.dbt_core.busy_company import busy_company
from tests.integration.dbt_core.conftest import Warehouse
from tests.integration.dbt_core.test_random_facts import with_deals
from tests.soak import SOAK

SEEDS = (4, 11, 12) if SOAK else (4,)
# Everything else is seen through these; its types are nobody's contract.
SCHEMAS = ("marts", "restricted")


def build_on_spark(settings: Settings) -> dict[str, str]:
    """dbt build of everything with its data tests; what did not succeed, with dbt's message."""
    project = prepare_project(cache_dir(settings), engine="spark")
    target = settings.warehouse_dir / "dbt"
    share_parse(project, target)
    folder = str(project.folder)
    said = subprocess.run(
        [
            *(str(dbt_executable(settings)), "build", "--no-use-colors", "--quiet"),
            *("--exclude", "resource_type:unit_test"),
            *("--target-path", str(target), "--log-path", str(target)),
            *("--project-dir", folder, "--profiles-dir", folder),
        ],
        cwd=project.folder,
        env={**os.environ, **dbt_environment(settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    path = target / "run_results.json"
    assert path.exists(), said.stdout + said.stderr
    results = json.loads(path.read_text())["results"]
    with connect(settings) as con:
        after_models(
            con, settings, project.read_manifest(), {result["unique_id"] for result in results}
        )
    return {
        result["unique_id"]: f"{result['status']} {result['message']}"
        for result in results
        if result["status"] not in ("success", "pass", "warn")
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_every_model_gives_the_same_rows_on_both_engines(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, seed: int
):
    """A company that outgrows one machine gets other numbers from the same definitions."""
    warehouse.build(with_deals(busy_company(seed), seed))
    project = prepare_project(cache_dir(settings), engine="spark")
    manifest = project.read_manifest()
    warehouse.con.execute("SET TimeZone = 'UTC'")
    hand_over(
        warehouse.con, settings, manifest, {node["name"] for node in manifest["nodes"].values()}
    )
    failed = build_on_spark(settings)
    # Data tests may fail on a company at random; what cannot be built is another matter.
    assert {key: said for key, said in failed.items() if " error" in f" {said}"} == {}
    keys = {suite.mart: tuple(suite.key) for suite in load_suites().values()}
    with connect(settings) as con:
        found = differences(warehouse.con, con, SCHEMAS, keys)
    assert found == {}
