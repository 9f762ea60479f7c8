"""Nothing new: whether a run would find that nothing changed, asked before Dagster is started.

Starting Dagster with its definitions takes most of such a run. Whatever is not plainly as the last
published run left it is left to a run.
"""

from datetime import date

from dagster_project.load import assess_sources, create_raw_tables, has_new_files
from dagster_project.operations.build_plan import create_control_tables, decide_build
from dagster_project.privacy.journal import pending_journals
from dagster_project.privacy.requests import has_new_requests
from dagster_project.privacy.retention import find_purge
from dagster_project.privacy.tables import create_privacy_tables
from dagster_project.publish import current_manifest
from dagster_project.publish.targets import update_targets
from dagster_project.publish.versions import restricted_database
from dagster_project.settings import Settings
from dagster_project.warehouse import connect


def nothing_new(settings: Settings, *, as_of: date | None) -> str | None:
    """Why nothing is to be done, in a sentence; None when a run must look.

    The run lock is held. Sources are assessed and targets brought up to date, as such a run does:
    nothing new may be just what is wrong.
    """
    manifest = current_manifest(settings)
    if (
        manifest is None
        or settings.landing_url
        or restricted_database(settings) is None
        or not settings.warehouse_path.exists()
        or pending_journals(settings)
    ):
        return None
    with connect(settings) as con:
        # A warehouse of an earlier release lacks tables and columns.
        create_raw_tables(con)
        create_control_tables(con)
        create_privacy_tables(con)
        built = con.execute("SELECT build_id FROM control.parameters").fetchone()
        # Otherwise the last run was not published, or another version was put in force.
        if built is None or built[0] != manifest["build_id"]:
            return None
        if has_new_files(con, settings) or has_new_requests(con):
            return None
        plan = decide_build(con, settings, as_of=as_of)
        if plan.is_needed or find_purge(con, settings, plan.as_of) is not None:
            return None
        assess_sources(con, settings)
    update_targets(settings)
    return plan.reason
