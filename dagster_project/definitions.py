"""The code location: every asset, check, job, schedule and sensor of Hourglass.

From here any asset is two steps away: ``defs/`` has one file per stage of the flow.
"""

import dagster as dg

from dagster_project.defs.identity import identity
from dagster_project.defs.predictions import predictions
from dagster_project.defs.publish import publish
from dagster_project.defs.quality import gate, mart_checks
from dagster_project.defs.resources import build_resources
from dagster_project.defs.schedules import build_job, build_schedule, build_sensor
from dagster_project.defs.sources import load
from dagster_project.defs.transform import mart_models, predicted_models, staging_models
from dagster_project.settings import Settings, load_settings


def build_definitions(settings: Settings, **resources: object) -> dg.Definitions:
    """The definitions for one installation; a test passes ``resources`` to swap some."""
    job = build_job(settings)
    return dg.Definitions(
        assets=[
            load,
            staging_models,
            identity,
            mart_models,
            predictions,
            predicted_models,
            gate,
            publish,
        ],
        asset_checks=[mart_checks],
        jobs=[job],
        schedules=[build_schedule(settings, job)],
        sensors=[build_sensor(settings, job)],
        resources={**build_resources(settings), **resources},
        # One process writes a DuckDB file; the default executor starts one per step.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Built when a Dagster process loads the code location, not when Python imports it."""
    return build_definitions(load_settings())
