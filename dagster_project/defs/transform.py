"""dbt models as assets: staging before identity, what predictions stand on before these, the rest.

Three definitions and not one that Dagster splits around the Python steps: it split this graph into
three dbt calls and sent a test to the wrong one (dagster-dbt 0.29.27, 2026-11).
"""

import gc
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliInvocation,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)

from dagster_project.defs.groups import group_of_model
from dagster_project.defs.resources import DbtServer, RunLock, told_plainly
from dagster_project.engine import after_models, before_models
from dagster_project.errors import HourglassError, counted
from dagster_project.predict import warm_up as warm_up_predictions
from dagster_project.quality import RuleOutcome, column_rules, record_dbt_results, recorded_rules
from dagster_project.quality import warm_up as warm_up_checks
from dagster_project.settings import Settings
from dagster_project.transform.project import PreparedProject, dbt_environment, share_parse
from dagster_project.transform.run_results import (
    RUN_RESULTS,
    add_results,
    had_no_memory,
    out_of_memory,
    read_results,
)
from dagster_project.warehouse import connect


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

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        # The default looks for the description below meta, where dbt does not put it.
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec and spec._replace(description=manifest["nodes"][unique_id]["description"])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        # The default appends the model's whole SQL, which hides the definition.
        return dbt_resource_props.get("description") or ""


def failure_of(
    results: Sequence[Mapping[str, Any]], rules: Mapping[str, Sequence[RuleOutcome]]
) -> str:
    """What dbt could not build or prove, a sentence each; no values of the data.

    ``results``: entries of dbt's run_results.json; ``rules``: the column rules of each test.
    """
    lines = []
    for result in results:
        kind, _, name = result["unique_id"].partition(".")
        name = name.split(".")[1] if "." in name else name
        broken = [rule.sentence for rule in rules.get(result["unique_id"], ()) if rule.failing_rows]
        if result["status"] == "fail":
            rows = ", ".join(broken) or counted(result.get("failures") or 0, "row")
            lines.append(f"check {name}: {rows}")
        elif had_no_memory(result):
            lines.append(
                f"{kind} {name} needs more memory than HOURGLASS_MEMORY_LIMIT allows: raise it"
            )
        elif result["status"] in {"error", "runtime error"}:
            lines.append(f"{kind} {name} could not be built: see the dbt log of this run")
    return "; ".join(lines)


# What the identity step reads. Its tests stand on nothing that is built later: dbt runs a test
# as soon as one of its parents is selected.
BEFORE_IDENTITY = "fqn:hourglass.staging fqn:hourglass.intermediate.identity"
# What shows predictions, directly or not, and every test that looks at any of it.
AFTER_PREDICTIONS = "source:predictions+"
NOT_IN_A_RUN = "resource_type:unit_test"


def build_models(project: PreparedProject) -> list[dg.AssetsDefinition]:
    """Every model and seed of ``project`` as an asset, and every data test as a check."""
    translator = Translator()

    @dbt_assets(
        name="staging_models",
        manifest=project.manifest,
        select=BEFORE_IDENTITY,
        exclude=NOT_IN_A_RUN,
        dagster_dbt_translator=translator,
    )
    def staging_models(
        context: dg.AssetExecutionContext,
        dbt: DbtCliResource,
        settings: dg.ResourceParam[Settings],
        run_lock: dg.ResourceParam[RunLock],
        dbt_server: dg.ResourceParam[DbtServer],
    ) -> Iterator[Any]:
        warm_up_meanwhile(warm_up_predictions)
        yield from run_dbt(context, dbt, settings, project)

    @dbt_assets(
        name="mart_models",
        manifest=project.manifest,
        exclude=f"{BEFORE_IDENTITY} {AFTER_PREDICTIONS} {NOT_IN_A_RUN}",
        dagster_dbt_translator=translator,
    )
    def mart_models(
        context: dg.AssetExecutionContext,
        dbt: DbtCliResource,
        settings: dg.ResourceParam[Settings],
        run_lock: dg.ResourceParam[RunLock],
        dbt_server: dg.ResourceParam[DbtServer],
    ) -> Iterator[Any]:
        warm_up_meanwhile(warm_up_checks)
        yield from run_dbt(context, dbt, settings, project)

    @dbt_assets(
        name="predicted_models",
        manifest=project.manifest,
        select=AFTER_PREDICTIONS,
        exclude=NOT_IN_A_RUN,
        dagster_dbt_translator=translator,
    )
    def predicted_models(
        context: dg.AssetExecutionContext,
        dbt: DbtCliResource,
        settings: dg.ResourceParam[Settings],
        run_lock: dg.ResourceParam[RunLock],
        dbt_server: dg.ResourceParam[DbtServer],
    ) -> Iterator[Any]:
        yield from run_dbt(context, dbt, settings, project)

    return [staging_models, mart_models, predicted_models]


def warm_up_meanwhile(warm_up: Callable[[], None]) -> None:
    """Import for a later step while dbt works in a process of its own and this one would wait."""

    def work() -> None:
        warm_up()
        # As at the run's start (resources.py): what came now stays, too.
        gc.freeze()

    threading.Thread(target=work, name="warm_up", daemon=True).start()


def run_dbt(
    context: dg.AssetExecutionContext,
    dbt: DbtCliResource,
    settings: Settings,
    project: PreparedProject,
) -> Iterator[Any]:
    """Run ``dbt build`` on the selected models and their tests, and keep what it reported.

    Each model is told to Dagster when it is built, with its number of rows, which the macro
    ``tell_row_count`` logs; each test when it ran. Checks of column rules, and those that do
    not pass, follow at the end, with the failing rows of each rule: dbt keeps these in the
    warehouse, which is its own until then.
    Models that ran out of memory beside others are built once more, one at a time.
    Raises dagster.Failure that names each model and test that failed.
    """
    with told_plainly(context):
        os.environ.update(dbt_environment(settings))
        target = settings.warehouse_dir / "dbt"
        share_parse(project, target)
        names = {key.path[-1] for key in context.selected_asset_keys}
        before_models(settings, project.read_manifest(), names)
        # What an earlier call left is not this one's, should this one end before it has any.
        (target / RUN_RESULTS).unlink(missing_ok=True)
        waiting: dict[str, dg.AssetCheckResult] = {}
        invocation = dbt.cli(["build"], context=context, target_path=target, raise_on_error=False)
        manifest, translator = invocation.manifest, invocation.dagster_dbt_translator
        yield from tell_built(context, invocation, waiting)
        first = read_results(target)
        short = out_of_memory(first)
        if short:
            context.log.warning(
                f"{', '.join(short)}: out of memory (HOURGLASS_MEMORY_LIMIT is "
                f"{settings.memory_limit}) beside another model. Built again, one at a time."
            )
            invocation = dbt.cli(
                ["retry", "--threads", "1"],
                manifest=manifest,
                dagster_dbt_translator=translator,
                target_path=target,
                raise_on_error=False,
            )
            yield from tell_built(context, invocation, waiting)
            add_results(target, first)
        results = read_results(target)["results"]
        with connect(settings) as con:
            built = {result["unique_id"] for result in results}
            after_models(con, settings, manifest, built)
            record_dbt_results(con, settings, target / RUN_RESULTS, project.manifest)
            rules = recorded_rules(con)
        for unique_id, check in waiting.items():
            yield with_rules(check, rules[unique_id]) if unique_id in rules else check
        if not invocation.is_successful():
            raise HourglassError(
                f"dbt stopped: {failure_of(results, rules)}. The version in force is untouched."
            )


def tell_built(
    context: dg.AssetExecutionContext,
    invocation: DbtCliInvocation,
    waiting: dict[str, dg.AssetCheckResult],
) -> Iterator[Any]:
    """What a call of dbt builds, as it comes.

    To ``waiting`` go, by unique id, checks of column rules, which are told with their rules, and
    those that did not pass, which a second call may prove.
    """
    rows: dict[str, int] = {}
    for message in invocation.stream_raw_events():
        told = row_count_told(message.raw_event)
        if told is not None:
            rows[told[0]] = told[1]
            continue
        for event in message.to_default_asset_events(
            manifest=invocation.manifest,
            dagster_dbt_translator=invocation.dagster_dbt_translator,
            context=context,
            target_path=invocation.target_path,
        ):
            unique_id = message.raw_event["data"]["node_info"]["unique_id"]
            if isinstance(event, dg.Output) and unique_id in rows:
                context.add_output_metadata(
                    {"dagster/row_count": rows[unique_id]}, output_name=event.output_name
                )
            if isinstance(event, dg.AssetCheckResult) and (
                not event.passed or column_rules(invocation.manifest["nodes"][unique_id])
            ):
                waiting[unique_id] = event
            else:
                yield event


def row_count_told(raw_event: Mapping[str, Any]) -> tuple[str, int] | None:
    """Unique id and number of rows, when a message of dbt is what ``tell_row_count`` logs."""
    if raw_event["info"]["name"] != "JinjaLogInfo":
        return None
    told = re.fullmatch(r"row count: (\d+)", raw_event["info"]["msg"])
    return (raw_event["data"]["node_info"]["unique_id"], int(told[1])) if told else None


def with_rules(check: dg.AssetCheckResult, rules: Sequence[RuleOutcome]) -> dg.AssetCheckResult:
    """The check with the failing rows of each of its rules."""
    broken = [rule.sentence for rule in rules if rule.failing_rows != 0]
    shown = {
        rule.name: "did not run" if rule.failing_rows is None else str(rule.failing_rows)
        for rule in rules
    }
    table = dg.MetadataValue.table(
        [dg.TableRecord({"rule": name, "failing rows": rows}) for name, rows in shown.items()],
        dg.TableSchema([dg.TableColumn("rule"), dg.TableColumn("failing rows")]),
    )
    return check._replace(
        description="; ".join(broken) or "All rules hold.",
        metadata={**(check.metadata or {}), "rules": table},
    )
