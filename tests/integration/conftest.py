"""One dbt build of all models for the tests here, and the SQL that it compiled."""

import json
import os
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.identity import create_identity_tables
from dagster_project.load import create_raw_tables
from dagster_project.operations.build_plan import create_control_tables
from dagster_project.predict import create_prediction_tables
from dagster_project.privacy.tables import create_privacy_tables
from dagster_project.transform.increments import create_increment_tables
from dagster_project.transform.project import DBT_DIR, DBT_EXECUTABLE
from tests.integration.dbt_core.company import Company, shop_of_one_week
from tests.made_once import made_once

# Rows of one statement.
AT_ONCE = 200


@dataclass(frozen=True)
class Project:
    """A built project: its warehouse, dbt's results and the compiled SQL in building order.

    ``parents``: the models that each model reads. ``target``: dbt's artefacts.
    """

    warehouse: Path
    target: Path
    results: list[dict[str, Any]]
    models: dict[str, tuple[str, str]]
    seeds: dict[str, tuple[str, Path, dict[str, str]]]
    parents: dict[str, set[str]]

    def with_ancestors(self, *models: str) -> set[str]:
        """These models and all that they stand on."""
        found: set[str] = set()
        todo = list(models)
        while todo:
            model = todo.pop()
            if model not in found:
                found.add(model)
                todo += self.parents[model]
        return found


def create_tables(con: duckdb.DuckDBPyConnection) -> None:
    for schema in ("identity", "control", "seeds", "staging", "intermediate", "marts"):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    con.execute("CREATE SCHEMA IF NOT EXISTS restricted")
    create_raw_tables(con)
    create_identity_tables(con)
    create_control_tables(con)
    create_increment_tables(con)
    create_prediction_tables(con)
    create_privacy_tables(con)


def fill(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Insert the company's rows; columns that a row does not name are NULL."""
    for table, rows in company.items():
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            alike[tuple(row)].append(row)
        for columns, some in alike.items():
            marks = f"({', '.join('?' * len(columns))})"
            # By itself a row takes a millisecond, and there are thousands of them.
            for first in range(0, len(some), AT_ONCE):
                part = some[first : first + AT_ONCE]
                con.execute(
                    f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
                    f"{', '.join([marks] * len(part))}",
                    [value for row in part for value in row.values()],
                )


def _building_order(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    nodes = {
        key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"
    }
    ordered: dict[str, dict[str, Any]] = {}
    while len(ordered) < len(nodes):
        for key, node in nodes.items():
            parents = [parent for parent in node["depends_on"]["nodes"] if parent in nodes]
            if key not in ordered and all(parent in ordered for parent in parents):
                ordered[key] = node
    return list(ordered.values())


def _build(folder: Path) -> None:
    """``dbt build`` with all its tests; what failed stands in its results, which a test reads."""
    warehouse = folder / "warehouse.duckdb"
    warehouse.unlink(missing_ok=True)
    con = duckdb.connect(str(warehouse))
    create_tables(con)
    fill(con, shop_of_one_week())
    con.close()
    dbt_build(folder)


def dbt_build(folder: Path, *options: str) -> None:
    """``dbt build`` on the warehouse in ``folder``, its artefacts beside it."""
    warehouse = folder / "warehouse.duckdb"
    result = subprocess.run(
        [
            *(str(DBT_EXECUTABLE), "build", "--no-use-colors", "--profiles-dir", str(DBT_DIR)),
            *("--quiet", *options),
        ],
        cwd=DBT_DIR,
        env={
            **os.environ,
            "HOURGLASS_WAREHOUSE_PATH": str(warehouse),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / "said.txt").write_text(result.stdout + result.stderr)


def not_built(target: Path, said: str) -> list[str]:
    """The models and seeds that dbt could not build, each with dbt's message; dbt's words when it
    did not come so far as to build any."""
    path = target / "run_results.json"
    if not path.exists():
        return [said.strip()]
    return [
        f"{result['unique_id']}: {result['message']}"
        for result in json.loads(path.read_text())["results"]
        if result["status"] == "error" and result["unique_id"].startswith(("model.", "seed."))
    ]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = made_once(tmp_path_factory, "dbt_project", _build)
    target = folder / "target"
    if broken := not_built(target, (folder / "said.txt").read_text()):
        pytest.fail("dbt could not build\n" + "\n".join(broken), pytrace=False)
    manifest = json.loads((target / "manifest.json").read_text())
    results = json.loads((target / "run_results.json").read_text())["results"]
    models = {
        node["name"]: (
            node["schema"],
            (target / "compiled" / "hourglass" / node["original_file_path"]).read_text(),
        )
        for node in _building_order(manifest)
    }
    seeds = {
        node["name"]: (
            node["schema"],
            DBT_DIR / node["original_file_path"],
            node["config"]["column_types"],
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "seed"
    }
    parents = {
        node["name"]: {
            manifest["nodes"][key]["name"]
            for key in node["depends_on"]["nodes"]
            if key.startswith("model.")
        }
        for node in _building_order(manifest)
    }
    return Project(folder / "warehouse.duckdb", target, results, models, seeds, parents)
