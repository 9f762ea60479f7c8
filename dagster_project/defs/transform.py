"""dbt models as assets: staging before identity, what predictions stand on before these, the rest.

Three definitions and not one that Dagster splits around the Python steps: it split this graph into
three dbt calls and sent a test to the wrong one (dagster-dbt 0.29.27, 2026-11).
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    dbt_assets,
)

from dagster_project.defs.groups import group_of_model
from dagster_project.defs.resources import RunLock, told_plainly
from dagster_project.errors import HourglassError
from dagster_project.predict import warm_up as warm_up_predictions
from dagster_project.quality import record_dbt_results
from dagster_project.quality import warm_up as warm_up_checks
from dagster_project.settings import Settings
from dagster_project.transform.project import dbt_environment, ensure_manifest, share_parse
from dagster_project.warehouse import connect, identifier, quoted


class Translator(DagsterDbtTranslator):
    """Asset keys equal dbt names, so that the lineage is one graph with no extra mapping."""

    def __init__(self) -> None:
        super().__init__(settings=DagsterDbtTranslatorSettings(enable_asset_checks=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
        return dg.AssetKey([dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return group_of_model(dbt_resource_props["path"])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        is_mart = dbt_resource_props.get("access") == "public"
        return ["team:analytics" if is_mart else "team:data-engineering"]

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        # The default appends the model's whole SQL, which hides the definition.
        return dbt_resource_props.get("description") or ""


def failure_of(results: list[dict[str, Any]]) -> str:
    """What dbt could not build or prove, a sentence each; no values of the data.

    ``results``: entries of dbt's run_results.json.
    """
    lines = []
    for result in results:
        kind, _, name = result["unique_id"].partition(".")
        name = name.split(".")[1] if "." in name else name
        if result["status"] == "fail":
            lines.append(f"check {name}: {result.get('failures') or 0} rows")
        elif result["status"] in {"error", "runtime error"}:
            lines.append(f"{kind} {name} could not be built: see the dbt log of this run")
    return "; ".join(lines)


def row_counts(con: duckdb.DuckDBPyConnection, relations: Mapping[str, str]) -> dict[str, int]:
    """Rows of each table; ``relations`` maps a name to its schema."""
    if not relations:
        return {}
    counted = " UNION ALL ".join(
        f"SELECT {quoted(name)}, count(*) FROM {identifier(schema)}.{identifier(name)}"
        for name, schema in relations.items()
    )
    return dict(con.execute(counted).fetchall())


MANIFEST = ensure_manifest()
# What the identity step reads. Its tests stand on nothing that is built later: dbt runs a test
# as soon as one of its parents is selected.
BEFORE_IDENTITY = "fqn:hourglass.staging fqn:hourglass.intermediate.identity"
# What shows predictions, directly or not, and every test that looks at any of it.
AFTER_PREDICTIONS = "source:predictions+"
NOT_IN_A_RUN = "resource_type:unit_test"


@dbt_assets(
    name="staging_models",
    manifest=MANIFEST,
    select=BEFORE_IDENTITY,
    exclude=NOT_IN_A_RUN,
    dagster_dbt_translator=Translator(),
)
def staging_models(
    context: dg.AssetExecutionContext,
    dbt: DbtCliResource,
    settings: dg.ResourceParam[Settings],
    run_lock: RunLock,
) -> Iterator[Any]:
    warm_up_meanwhile(warm_up_predictions)
    yield from build_models(context, dbt, settings)


@dbt_assets(
    name="mart_models",
    manifest=MANIFEST,
    exclude=f"{BEFORE_IDENTITY} {AFTER_PREDICTIONS} {NOT_IN_A_RUN}",
    dagster_dbt_translator=Translator(),
)
def mart_models(
    context: dg.AssetExecutionContext,
    dbt: DbtCliResource,
    settings: dg.ResourceParam[Settings],
    run_lock: RunLock,
) -> Iterator[Any]:
    warm_up_meanwhile(warm_up_checks)
    yield from build_models(context, dbt, settings)


@dbt_assets(
    name="predicted_models",
    manifest=MANIFEST,
    select=AFTER_PREDICTIONS,
    exclude=NOT_IN_A_RUN,
    dagster_dbt_translator=Translator(),
)
def predicted_models(
    context: dg.AssetExecutionContext,
    dbt: DbtCliResource,
    settings: dg.ResourceParam[Settings],
    run_lock: RunLock,
) -> Iterator[Any]:
    yield from build_models(context, dbt, settings)


def warm_up_meanwhile(warm_up: Callable[[], None]) -> None:
    """Import for a later step while dbt works in a process of its own and this one would wait."""
    threading.Thread(target=warm_up, name="warm_up", daemon=True).start()


def build_models(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, settings: Settings
) -> Iterator[Any]:
    """Run ``dbt build`` on the selected models and their tests, and keep what it reported.

    Raises dagster.Failure that names each model and test that failed, after the events of those
    that did not.
    """
    with told_plainly(context):
        os.environ.update(dbt_environment(settings))
        target = settings.warehouse_dir / "dbt"
        share_parse(target)
        invocation = dbt.cli(["build"], context=context, target_path=target, raise_on_error=False)
        events = list(invocation.stream())
        results = invocation.get_artifact("run_results.json")["results"]
        nodes = invocation.manifest["nodes"]
        relations = {
            nodes[result["unique_id"]]["name"]: nodes[result["unique_id"]]["schema"]
            for result in results
            if result["status"] == "success" and result["unique_id"].startswith(("model.", "seed."))
        }
        with connect(settings) as con:
            record_dbt_results(con, target / "run_results.json", target / "manifest.json")
            counts = row_counts(con, relations)
        for event in events:
            if isinstance(event, dg.Output):
                name = context.asset_key_for_output(event.output_name).path[-1]
                if name in counts:
                    context.add_output_metadata(
                        {"dagster/row_count": counts[name]}, output_name=event.output_name
                    )
            yield event
        if not invocation.is_successful():
            raise HourglassError(
                f"dbt stopped: {failure_of(results)}. The version in force is untouched."
            )
