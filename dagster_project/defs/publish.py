"""The published version and its report: one step, so that no version is without its report."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import dagster as dg

from dagster_project.defs.groups import VERSION_KEY, Group
from dagster_project.defs.quality import GATE_KEY
from dagster_project.defs.resources import RunLock, told_plainly
from dagster_project.load.ledger.accounting import ledger_summary
from dagster_project.publish import list_versions
from dagster_project.publish import publish as publish_version
from dagster_project.publish.targets import update_targets
from dagster_project.report import kept_versions, render
from dagster_project.settings import Settings
from dagster_project.transform.project import cache_dir, prepare_project
from dagster_project.warehouse import connect

REPORT_KEY = dg.AssetKey(["report"])
# A daily run that is two hours late is worth a look; half a day, and a day was missed.
FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)
)


@dg.multi_asset(
    name="publish",
    specs=[
        dg.AssetSpec(
            key=VERSION_KEY,
            deps=[GATE_KEY],
            group_name=Group.PUBLISH,
            kinds={"duckdb", "parquet"},
            owners=["team:data-engineering"],
            description="The version in force, data/published/current: marts.duckdb, Parquet, "
            "manifest. Refuses a build whose checks did not all pass on exactly these rows.",
            freshness_policy=FRESH,
        ),
        dg.AssetSpec(
            key=REPORT_KEY,
            deps=[VERSION_KEY],
            group_name=Group.REPORT,
            kinds={"html"},
            owners=["team:analytics"],
            description="A folder of self-contained pages, in English and Russian: headline "
            "numbers, cohorts, channels, value, data quality. Opens from disk.",
        ),
    ],
)
def publish(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lock: dg.ResourceParam[RunLock],
) -> Iterator[dg.MaterializeResult]:
    with told_plainly(context), connect(settings) as con:
        version = publish_version(
            con,
            settings,
            render=partial(
                render,
                first_language=settings.language,
                kept=kept_versions(v.published for v in list_versions(settings)),
                dbt_manifest=prepare_project(
                    cache_dir(settings), own=settings.project_dir
                ).manifest,
            ),
            ledger=ledger_summary(con),
            progress=context.log.debug,
        )
    yield dg.MaterializeResult(
        asset_key=VERSION_KEY,
        metadata={
            "version": version.name,
            "is_restated": version.is_restated,
            "marts": dg.MetadataValue.path(str(version.database)),
        },
    )
    yield dg.MaterializeResult(
        asset_key=REPORT_KEY,
        metadata={
            # Browsers refuse a file:// address that a page of another origin links to.
            "page": dg.MetadataValue.url(settings.report_url),
            "file": dg.MetadataValue.path(str(version.report)),
        },
    )
    # After both: they are published, whatever a database elsewhere says.
    with told_plainly(context):
        update_targets(settings, context.log.info)
