"""Audiences: who is in them on this build, and their delivery, which is off until switched on."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from dagster_project.activation.definitions import load_audiences
from dagster_project.activation.delivery import deliver, endpoint_of
from dagster_project.activation.mart_schemas import DESCRIPTIONS, MARTS
from dagster_project.activation.membership import build_audiences, build_of, marts_read
from dagster_project.defs.groups import Group
from dagster_project.defs.resources import RunLock, told_plainly
from dagster_project.publish.versions import version_in_force
from dagster_project.quality.dbt_results import describe_mart
from dagster_project.settings import Settings
from dagster_project.warehouse import connect, identifier

DELIVERY_JOB = "deliver_audiences"


def build_audience_marts(project_dir: Path | None = None) -> dg.AssetsDefinition:
    """The marts of audiences, behind every mart that a definition reads."""

    @dg.multi_asset(
        name="audience_marts",
        specs=[
            dg.AssetSpec(
                key=[name],
                deps=[dg.AssetKey([mart]) for mart in sorted(marts_read(project_dir))],
                description=DESCRIPTIONS[name][None],
                group_name=Group.MARTS,
                kinds={"python", "duckdb"},
                owners=["team:analytics"],
            )
            for name in MARTS
        ],
        description="Who is in which audience, with the consent of this build; history comes from "
        "the version in force.",
    )
    def audience_marts(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        run_lock: dg.ResourceParam[RunLock],
    ) -> Iterator[dg.MaterializeResult]:
        with told_plainly(context), connect(settings) as con:
            build_id, as_of, key = build_of(con, settings)
            before = version_in_force(settings)
            summary = build_audiences(
                con,
                load_audiences(settings.project_dir),
                build_id=build_id,
                as_of=as_of,
                published=before.published if before else None,
                key=key,
            )
            counts = {}
            for name in MARTS:
                describe_mart(con, name, DESCRIPTIONS[name])
                counts[name] = con.execute(
                    f"SELECT count(*) FROM marts.{identifier(name)}"
                ).fetchone()
        context.log.info(summary.sentence())
        for name in MARTS:
            yield dg.MaterializeResult(
                asset_key=[name], metadata={"dagster/row_count": counts[name][0]}
            )

    return audience_marts


@dg.op(description="Sends what changed in each audience since its last accepted delivery.")
def deliver_all(context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
    with told_plainly(context):
        endpoint = endpoint_of(settings)
        for audience in load_audiences(settings.project_dir).values():
            context.log.info(deliver(settings, audience, endpoint).sentence())


@dg.job(name=DELIVERY_JOB, description="Delivers every audience to the webhook of the settings.")
def deliver_audiences() -> None:
    deliver_all()


def build_delivery_sensor(settings: Settings) -> dg.SensorDefinition:
    """Delivers once for each version that comes into force; stopped until deliveries are on."""

    @dg.sensor(
        name="new_version",
        job=deliver_audiences,
        minimum_interval_seconds=60,
        default_status=(
            dg.DefaultSensorStatus.RUNNING
            if settings.delivery_enabled
            else dg.DefaultSensorStatus.STOPPED
        ),
        description="Delivers the audiences of each version that comes into force.",
    )
    def new_version(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if not settings.delivery_enabled:
            return dg.SkipReason("Deliveries are off: HOURGLASS_DELIVERY_ENABLED.")
        in_force = version_in_force(settings)
        if in_force is None or in_force.name == context.cursor:
            return dg.SkipReason("No new version.")
        context.update_cursor(in_force.name)
        return dg.RunRequest(run_key=in_force.name)

    return new_version
