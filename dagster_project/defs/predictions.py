"""Predictions as assets: between the marts of what happened and those that show what may come."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.defs.groups import Group
from dagster_project.defs.resources import RunLock, told_plainly
from dagster_project.predict import PREDICTION_TABLES, predict
from dagster_project.settings import Settings
from dagster_project.warehouse import connect

INPUTS = {
    "customer_values": ["orders", "int_refunds_dated"],
    "driver_analysis": ["orders", "order_lines", "calls"],
    "personas": ["orders", "order_lines", "calls"],
    "demand_forecasts": ["order_lines"],
    "experiment_tests": ["int_experiments_observed"],
    "channel_removal_effects": ["int_journey_transition_counts"],
}
SALES = ["orders"]


@dg.multi_asset(
    name="predictions",
    specs=[
        dg.AssetSpec(
            key=["predictions", name],
            deps=[dg.AssetKey([model]) for model in INPUTS.get(name, SALES)],
            description=description,
            group_name=Group.PREDICTIONS,
            kinds={"python", "scikitlearn"},
            owners=["team:analytics"],
        )
        for name, description in PREDICTION_TABLES.items()
    ],
    description="Fits and tests every model on this build, and fills schema predictions.",
)
def predictions(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lock: dg.ResourceParam[RunLock],
) -> Iterator[dg.MaterializeResult]:
    with told_plainly(context), connect(settings) as con:
        summary = predict(con, settings, run_id=context.run_id)
    for note in summary.notes:
        context.log.info(note)
    for name in PREDICTION_TABLES:
        yield dg.MaterializeResult(
            asset_key=["predictions", name],
            metadata={"dagster/row_count": summary.rows[name]},
        )
