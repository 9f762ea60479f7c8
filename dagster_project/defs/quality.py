"""Checks of the marts, and the gate that decides whether this build may be published."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from dagster_project.defs.groups import Group
from dagster_project.defs.resources import RunLock, told_plainly
from dagster_project.quality import (
    CheckResult,
    ExpectationRunner,
    expected_checks,
    load_suites,
    record_gate,
    run_suite,
)
from dagster_project.settings import Settings
from dagster_project.transform.project import ensure_manifest
from dagster_project.warehouse import connect

GATE_KEY = dg.AssetKey(["gate_record"])


def marts_built_upon(manifest_path: Path) -> set[str]:
    """The models that other models read."""
    nodes = json.loads(manifest_path.read_text())["nodes"]
    return {
        parent.split(".")[-1]
        for key, node in nodes.items()
        if key.startswith("model.")
        for parent in node["depends_on"]["nodes"]
    }


def check_specs() -> list[dg.AssetCheckSpec]:
    """One check per expectation of every suite.

    Whether one blocks the publish, its suite says and the gate decides. To Dagster only those on
    marts that no other model reads are blocking: a blocking check on ``orders`` would have to run
    before ``customers`` is built, which makes three dbt calls of one (measured: 9 s more a run).
    """
    specs = []
    suites = load_suites()
    built_upon = marts_built_upon(ensure_manifest())
    for mart, names in expected_checks().items():
        items = {item.name: item for item in suites[mart].expectations}
        for name in names:
            item = items.get(name)
            decides = item is None or item.severity == "blocking"
            specs.append(
                dg.AssetCheckSpec(
                    name=name,
                    asset=dg.AssetKey([mart]),
                    blocking=decides and mart not in built_upon,
                    description=item.why if item else None,
                    metadata={"suite": f"expectations/{mart}.yml", "blocks publishing": decides},
                )
            )
    return specs


def to_check_result(result: CheckResult) -> dg.AssetCheckResult:
    """A result as Dagster shows it: counts and where the failing rows are, no values."""
    metadata: dict[str, object] = {"outcome": result.outcome}
    if result.checked_rows is not None:
        metadata["rows checked"] = result.checked_rows
    if result.failing_rows is not None:
        metadata["rows failing"] = result.failing_rows
    if result.failing_rows_path:
        metadata["failing rows"] = dg.MetadataValue.path(result.failing_rows_path)
    return dg.AssetCheckResult(
        check_name=result.check,
        asset_key=dg.AssetKey([result.mart]),
        passed=result.passed,
        severity=(
            dg.AssetCheckSeverity.ERROR
            if result.severity == "blocking"
            else dg.AssetCheckSeverity.WARN
        ),
        description=result.sentence,
        metadata=metadata,
    )


@dg.multi_asset_check(
    name="mart_checks",
    specs=check_specs(),
    can_subset=True,
    description="Runs the Great Expectations suites in expectations/, inside DuckDB.",
)
def mart_checks(
    context: dg.AssetCheckExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lock: RunLock,
) -> Iterator[dg.AssetCheckResult]:
    selected = {(key.asset_key.path[-1], key.name) for key in context.selected_asset_check_keys}
    with told_plainly(context), connect(settings) as con:
        runner = ExpectationRunner(con)
        for mart in sorted({mart for mart, _ in selected}):
            for result in run_suite(con, settings, mart, runner=runner):
                if (mart, result.check) in selected:
                    yield to_check_result(result)


@dg.asset(
    name=GATE_KEY.path[0],
    deps=[dg.AssetKey([mart]) for mart in expected_checks()],
    group_name=Group.QUALITY,
    kinds={"greatexpectations", "duckdb"},
    owners=["team:data-engineering"],
    description="The record of every check on exactly this build: checks that reported against "
    "checks that were expected, and a fingerprint of every mart. Publish refuses without it.",
)
def gate(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], run_lock: RunLock
) -> dg.MaterializeResult:
    with told_plainly(context):
        with connect(settings) as con:
            record = record_gate(con, settings)
        for result in record.warnings:
            context.log.warning(result.sentence)
        record.require_passed()
    counts = record.to_json()["counts"]
    return dg.MaterializeResult(metadata={"build_id": record.build_id, **counts})
