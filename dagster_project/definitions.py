"""The code location: every asset, check, job, schedule and sensor of Hourglass.

From here any asset is two steps away: ``defs/`` has one file per stage of the flow. Importing this
module reads and parses nothing; calling it does.
"""

import dagster as dg

from dagster_project.defs.activation import (
    build_audience_marts,
    build_delivery_sensor,
    deliver_audiences,
)
from dagster_project.defs.alerts import build_alert_sensor
from dagster_project.defs.identity import identity
from dagster_project.defs.predictions import predictions
from dagster_project.defs.publish import publish
from dagster_project.defs.quality import build_gate, build_mart_checks
from dagster_project.defs.resources import build_resources
from dagster_project.defs.run_history import build_history_sensor
from dagster_project.defs.schedules import build_job, build_schedule, build_sensor
from dagster_project.defs.sources import build_load
from dagster_project.defs.transform import build_models
from dagster_project.quality import load_suites
from dagster_project.settings import Settings, load_settings
from dagster_project.transform.project import installed_project


def build_definitions(settings: Settings, **resources: object) -> dg.Definitions:
    """The definitions for one installation; a test passes ``resources`` to swap some."""
    project = installed_project(settings)
    suites = load_suites(project_dir=settings.project_dir)
    job = build_job(settings)
    models = build_models(project)
    gate = build_gate(list(suites))
    return dg.Definitions(
        assets=[
            *(build_load(), identity, predictions, *models),
            *(build_audience_marts(settings.project_dir), gate, publish),
        ],
        asset_checks=[build_mart_checks(suites, project.manifest)],
        jobs=[job, deliver_audiences],
        schedules=[build_schedule(settings, job)],
        sensors=[
            build_sensor(settings, job),
            build_delivery_sensor(settings),
            build_history_sensor(settings),
            build_alert_sensor(settings),
        ],
        resources={**build_resources(settings, project), **resources},
        # One process writes a DuckDB file; the default executor starts one per step.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Built when a Dagster process loads the code location, not when Python imports it."""
    return build_definitions(load_settings())
