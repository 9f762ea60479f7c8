"""dbt models as assets: staging before identity, the rest after it.

Dagster splits this one definition around the Python steps between the models, into as many dbt
calls as the graph needs.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    dbt_assets,
)

from dagster_project.defs.groups import group_of_model
from dagster_project.defs.resources import RunLock, told_plainly
from dagster_project.errors import HourglassError
from dagster_project.quality import record_dbt_results
from dagster_project.settings import Settings
from dagster_project.transform import dbt_environment, ensure_manifest
from dagster_project.warehouse import connect, identifier


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
        is_mart = dbt_resource_props["path"].startswith("marts/")
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


def row_counts(settings: Settings, relations: Mapping[str, str]) -> dict[str, int]:
    """Rows of each table; ``relations`` maps a name to its ``schema``."""
    with connect(settings) as con:
        counts = {}
        for name, schema in relations.items():
            row = con.execute(
                f"SELECT count(*) FROM {identifier(schema)}.{identifier(name)}"
            ).fetchone()
            counts[name] = row[0] if row else 0
        return counts


@dbt_assets(
    name="dbt_models",
    manifest=ensure_manifest(),
    exclude="resource_type:unit_test",
    dagster_dbt_translator=Translator(),
)
def dbt_models(
    context: dg.AssetExecutionContext,
    dbt: DbtCliResource,
    settings: dg.ResourceParam[Settings],
    run_lock: RunLock,
) -> Iterator[Any]:
    with told_plainly(context):
        os.environ.update(dbt_environment(settings))
        target = settings.warehouse_dir / "dbt"
        invocation = dbt.cli(
            ["build", "--exclude", "resource_type:unit_test"],
            context=context,
            target_path=target,
            raise_on_error=False,
        )
        events = list(invocation.stream())
        results = invocation.get_artifact("run_results.json")["results"]
        relations = {
            node["name"]: node["schema"]
            for result in results
            if result["status"] == "success"
            and (node := invocation.manifest["nodes"].get(result["unique_id"]))
            and node["resource_type"] in {"model", "seed"}
            and node["config"]["materialized"] != "view"
        }
        with connect(settings) as con:
            record_dbt_results(con, target / "run_results.json", target / "manifest.json")
        counts = row_counts(settings, relations)
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
