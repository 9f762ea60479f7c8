"""Identity as assets: records become people, with ids that last."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.defs.groups import Group
from dagster_project.defs.resources import RunLock, told_plainly
from dagster_project.identity import IDENTITY_INPUTS, IDENTITY_TABLES, forget_unpublished, resolve
from dagster_project.publish import restricted_database
from dagster_project.quality.gate import was_ever_passed
from dagster_project.settings import Settings
from dagster_project.warehouse import connect, identifier


@dg.multi_asset(
    name="identity",
    specs=[
        dg.AssetSpec(
            key=["identity", name],
            deps=[dg.AssetKey([model]) for model in IDENTITY_INPUTS],
            description=description,
            group_name=Group.IDENTITY,
            kinds={"python", "duckdb"},
            owners=["team:data-engineering"],
        )
        for name, description in IDENTITY_TABLES.items()
    ],
    description="Resolves records to people: normalise, link, guard, cluster, assign ids.",
)
def identity(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lock: dg.ResourceParam[RunLock],
) -> Iterator[dg.MaterializeResult]:
    with told_plainly(context), connect(settings) as con:
        published = restricted_database(settings)
        if published is None and not was_ever_passed(con):
            # After a passed gate one was published, and is lost: the warehouse alone knows the ids.
            forget_unpublished(con)
        summary = resolve(con, settings, run_id=context.run_id, published=published)
        counts = {
            name: con.execute(f"SELECT count(*) FROM identity.{identifier(name)}").fetchone()
            for name in IDENTITY_TABLES
        }
    context.log.info(summary.sentence())
    for name in IDENTITY_TABLES:
        yield dg.MaterializeResult(
            asset_key=["identity", name],
            metadata={"dagster/row_count": counts[name][0], **summary.metadata()},
        )
