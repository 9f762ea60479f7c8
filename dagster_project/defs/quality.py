"""Checks of the marts, and the gate that decides whether this build may be published."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import dagster as dg

from dagster_project.activation.membership import marts_read
from dagster_project.defs.groups import Group
from dagster_project.defs.resources import RunLock, told_plainly
from dagster_project.quality import (
    CheckResult,
    ExpectationRunner,
    Fingerprints,
    Suite,
    record_gate,
    rerun_stale,
    run_suite,
)
from dagster_project.settings import Settings
from dagster_project.warehouse import connect

GATE_KEY = dg.AssetKey(["gate_record"])


def marts_built_upon(manifest_path: Path) -> set[str]:
    """The models that other models, or the definitions of audiences, read."""
    nodes = json.loads(manifest_path.read_text())["nodes"]
    read_by_models = {
        parent.split(".")[-1]
        for key, node in nodes.items()
        if key.startswith("model.")
        for parent in node["depends_on"]["nodes"]
    }
    return read_by_models | marts_read()


def check_specs(suites: Mapping[str, Suite], manifest_path: Path) -> list[dg.AssetCheckSpec]:
    """One check per group of every suite (see :attr:`Suite.groups`).

    Whether one blocks the publish, its suite says and the gate decides. To Dagster only those on
    marts that no other model reads are blocking: a blocking check on ``orders`` would have to run
    before ``customers`` is built, which makes three dbt calls of one (measured: 9 s more a run).
    """
    specs = []
    built_upon = marts_built_upon(manifest_path)
    for mart, suite in suites.items():
        for name, checks in suite.groups.items():
            decides = any(suite.severity(check) == "blocking" for check in checks)
            specs.append(
                dg.AssetCheckSpec(
                    name=name,
                    asset=dg.AssetKey([mart]),
                    blocking=decides and mart not in built_upon,
                    description=suite.reason(name),
                    metadata={
                        "suite": f"expectations/{mart}.yml",
                        "blocks publishing": decides,
                        "rules": ", ".join(checks),
                    },
                )
            )
    return specs


def to_check_result(name: str, results: Sequence[CheckResult]) -> dg.AssetCheckResult:
    """The results of one group as Dagster shows them: counts and where the failing rows are, no
    values."""
    wrong = [result for result in results if not result.passed]
    shown = [
        {
            "rule": result.check,
            "outcome": result.outcome,
            "failing rows": "" if result.failing_rows is None else str(result.failing_rows),
            "kept in": result.failing_rows_path or "",
        }
        for result in results
    ]
    metadata: dict[str, object] = {
        "rules": dg.MetadataValue.table(
            [dg.TableRecord(row) for row in shown],
            dg.TableSchema([dg.TableColumn(column) for column in shown[0]]),
        )
    }
    checked = [r.checked_rows for r in results if r.checked_rows is not None]
    if checked:
        metadata["rows checked"] = max(checked)
    held = results[0].message if len(results) == 1 else f"{len(results)} rules hold."
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=dg.AssetKey([results[0].mart]),
        passed=not wrong,
        severity=(
            dg.AssetCheckSeverity.WARN
            if wrong and not any(result.blocks for result in wrong)
            else dg.AssetCheckSeverity.ERROR
        ),
        description="\n".join(result.sentence for result in wrong) or held,
        metadata=metadata,
    )


def build_mart_checks(suites: Mapping[str, Suite], manifest_path: Path) -> dg.AssetChecksDefinition:
    """The checks of every suite."""

    @dg.multi_asset_check(
        name="mart_checks",
        specs=check_specs(suites, manifest_path),
        can_subset=True,
        description="Runs the Great Expectations suites in expectations/, inside DuckDB.",
    )
    def mart_checks(
        context: dg.AssetCheckExecutionContext,
        settings: dg.ResourceParam[Settings],
        run_lock: dg.ResourceParam[RunLock],
    ) -> Iterator[dg.AssetCheckResult]:
        selected = {(key.asset_key.path[-1], key.name) for key in context.selected_asset_check_keys}
        with told_plainly(context), connect(settings) as con:
            runner, fingerprints = ExpectationRunner(con), Fingerprints(con)
            for mart in sorted({mart for mart, _ in selected}):
                found = run_suite(con, settings, mart, runner=runner, fingerprints=fingerprints)
                results = {result.check: result for result in found}
                for name, checks in suites[mart].groups.items():
                    if (mart, name) in selected:
                        yield to_check_result(name, [results[check] for check in checks])

    return mart_checks


def build_gate(marts: Sequence[str]) -> dg.AssetsDefinition:
    """The gate over ``marts``."""

    @dg.asset(
        name=GATE_KEY.path[0],
        deps=[dg.AssetKey([mart]) for mart in marts],
        group_name=Group.QUALITY,
        kinds={"greatexpectations", "duckdb"},
        owners=["team:data-engineering"],
        description="The record of every check on exactly this build: checks that reported "
        "against checks that were expected, and a fingerprint of every mart. Publish refuses "
        "without it.",
    )
    def gate(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        run_lock: dg.ResourceParam[RunLock],
    ) -> dg.MaterializeResult:
        with told_plainly(context):
            with connect(settings) as con:
                # Started again from here, after a suite was mended, nothing else would run it.
                fingerprints = Fingerprints(con)
                for mart in rerun_stale(con, settings, fingerprints=fingerprints):
                    context.log.info(f"The checks of {mart} were run again.")
                record = record_gate(con, settings, fingerprints=fingerprints)
            for result in record.warnings:
                context.log.warning(result.sentence)
            record.require_passed()
        counts = record.to_json()["counts"]
        return dg.MaterializeResult(metadata={"build_id": record.build_id, **counts})

    return gate
