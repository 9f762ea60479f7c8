"""dbt over a small warehouse that goes on from build to build, and the same built whole."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator

import duckdb
import pytest

from dagster_project.settings import Settings
from dagster_project.transform.dbt_server import dbt_command, serving
from dagster_project.transform.project import (
    PreparedProject,
    cache_dir,
    dbt_environment,
    prepare_project,
)
from tests.equal_marts import differences
from tests.integration.conftest import Project


class Increments:
    """A warehouse that dbt builds again and again, served by one process that has parsed."""

    def __init__(self, project: Project, prepared: PreparedProject, settings: Settings) -> None:
        self.project, self.prepared, self.settings = project, prepared, settings
        self.target = settings.warehouse_dir / "dbt"
        manifest = json.loads((project.target / "manifest.json").read_text())
        nodes = [n for n in manifest["nodes"].values() if n["resource_type"] == "model"]
        # All that goes on from build to build, and what it stands on. A staging model that nothing
        # of these reads is written by the same hand as the others.
        declared = [
            n["name"]
            for n in nodes
            if "increment_by(" in n["raw_code"] and n["fqn"][1] != "staging"
        ]
        needed = project.with_ancestors(*declared)
        self.models = [name for name in project.models if name in needed]

    def begin(self) -> duckdb.DuckDBPyConnection:
        """The warehouse as dbt left it for other tests, with its seeds."""
        self.settings.warehouse_dir.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.project.warehouse, self.settings.warehouse_path)
        con = self.open()
        # So few keys are soon so many that a table would always be rebuilt whole.
        con.execute("UPDATE increment.layout SET largest_share = 1000")
        return con

    def open(self) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect(str(self.settings.warehouse_path))
        con.execute("SET TimeZone = 'UTC'")
        return con

    def build(self, until: int | None = None) -> None:
        """``dbt run`` of the models that go on, in order; ``until``: of so many of them."""
        self.dbt(*dbt_command(self.settings), "run", "--select", *self.models[:until])

    def dbt(self, *command: str) -> None:
        """A call of dbt on this warehouse that must succeed."""
        folder = str(self.prepared.folder)
        done = subprocess.run(
            [
                *(*command, "--quiet", "--no-use-colors"),
                *("--target-path", str(self.target), "--log-path", str(self.target)),
                *("--project-dir", folder, "--profiles-dir", folder),
            ],
            cwd=folder,
            env={**os.environ, **dbt_environment(self.settings)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def differences(self, con: duckdb.DuckDBPyConnection) -> dict[str, str]:
        """Where the tables are not what their whole SQL gives on the same inputs."""
        with duckdb.connect(config={"threads": 1}) as whole:
            whole.execute("SET TimeZone = 'UTC'")
            whole.execute("ATTACH ':memory:' AS warehouse")
            con.execute("CHECKPOINT")
            # One process opens a file once.
            copy = self.settings.warehouse_path.with_name("copy.duckdb")
            shutil.copy(self.settings.warehouse_path, copy)
            whole.execute(f"ATTACH '{copy}' AS built (READ_ONLY)")
            inputs = whole.execute(
                "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'built' "
                "AND schema_name NOT IN ('staging', 'intermediate', 'marts', 'restricted', "
                "'increment', 'tests')"
            ).fetchall()
            for schema in {row[0] for row in inputs} | {"staging", "intermediate", "marts"}:
                whole.execute(f'CREATE SCHEMA IF NOT EXISTS warehouse."{schema}"')
            for schema, table in inputs:
                whole.execute(
                    f'CREATE TABLE warehouse."{schema}"."{table}" AS '
                    f'FROM built."{schema}"."{table}"'
                )
            whole.execute("USE warehouse")
            whole.execute("CREATE SCHEMA IF NOT EXISTS restricted")
            for name in self.models:
                schema, sql = self.project.models[name]
                whole.execute(f"CREATE TABLE {schema}.{name} AS {sql}")
            for schema, table in whole.execute(
                "SELECT schema_name, table_name FROM duckdb_tables() "
                "WHERE database_name = 'warehouse'"
            ).fetchall():
                if table not in self.models:
                    whole.execute(f'DROP TABLE warehouse."{schema}"."{table}"')
            return {
                name: what
                for name, what in differences(
                    whole, con, ("staging", "intermediate", "marts")
                ).items()
                if what != "in one of the two only"
            }

    def ways(self, con: duckdb.DuckDBPyConnection) -> dict[str, str]:
        """How each table was built last."""
        return dict(con.execute("SELECT model, way FROM increment.states").fetchall())


@pytest.fixture(scope="session")
def increments(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Increments]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("increments"))
    prepared = prepare_project(cache_dir(settings))
    with serving(settings, prepared):
        yield Increments(project, prepared, settings)
