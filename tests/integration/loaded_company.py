"""A build of what was loaded: seeds, models, identity, predictions, audiences, as in a run."""

import duckdb

from dagster_project.activation.definitions import load_audiences
from dagster_project.activation.membership import build_audiences, build_of
from dagster_project.defs.predictions import INPUTS, SALES
from dagster_project.identity import IDENTITY_INPUTS, resolve
from dagster_project.operations.build_plan import plan_build
from dagster_project.predict import predict
from dagster_project.settings import Settings
from tests.integration.conftest import Project


def build_loaded(con: duckdb.DuckDBPyConnection, settings: Settings, project: Project) -> None:
    """Build every model on the raw tables of ``con``, as a daily run does."""
    for name, (schema, path, types) in project.seeds.items():
        listed = ", ".join(f"'{column}': '{kind}'" for column, kind in types.items())
        con.execute(
            f"CREATE OR REPLACE TABLE {schema}.{name} AS "
            f"SELECT * FROM read_csv('{path}', header = true, types = {{{listed}}})"
        )
    plan_build(con, settings)
    done: set[str] = set()

    def models(wanted: set[str]) -> None:
        for name, (schema, sql) in project.models.items():
            if name in wanted and name not in done:
                con.execute(f"CREATE OR REPLACE TABLE {schema}.{name} AS {sql}")
                done.add(name)

    models(project.with_ancestors(*IDENTITY_INPUTS))
    resolve(con, settings, run_id="test")
    models(project.with_ancestors(*SALES, *(model for found in INPUTS.values() for model in found)))
    predict(con, settings, run_id="test")
    models(set(project.models))
    build_id, as_of, key = build_of(con, settings)
    build_audiences(
        con, load_audiences(None), build_id=build_id, as_of=as_of, published=None, key=key
    )
