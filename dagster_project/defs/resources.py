"""What assets are handed: the settings, the run lock, dbt, and how a failure is told."""

import gc
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import metadata

import dagster as dg
import duckdb
from dagster_dbt import DbtCliResource
from packaging.version import Version

from dagster_project.defs.retries import mark_may_pass
from dagster_project.defs.run_history import PROCESS_TAG, process_tag
from dagster_project.errors import BusyError, HourglassError
from dagster_project.operations.disk import disk_failure, is_of_the_disk
from dagster_project.operations.lock import run_lock
from dagster_project.settings import Settings
from dagster_project.transform.dbt_server import dbt_command, serving
from dagster_project.transform.project import PreparedProject

# A run started in the UI while another is at work waits for it instead of failing.
LOCK_WAIT_SECONDS = 30 * 60
RETRIES = 3
RETRY_SECONDS = 10


class RunLock:
    """The data directory's run lock, held from the first step of a run to the last."""


def build_run_lock(settings: Settings) -> dg.ResourceDefinition:
    """Holds the run lock while the resource lives; a run that finds it taken waits."""

    @dg.resource(description="The data directory's run lock: one run at a time.")
    def run_lock_resource(context: dg.InitResourceContext) -> Iterator[RunLock]:
        tag = process_tag()
        if context.instance is not None and context.run is not None and tag is not None:
            context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: tag})
        try:
            with run_lock(settings, wait_seconds=LOCK_WAIT_SECONDS):
                # What is loaded by now stays for the run: Python's search for garbage need not go
                # through it, 3% of a run with what is loaded later (2026-12).
                gc.freeze()
                try:
                    yield RunLock()
                finally:
                    gc.unfreeze()
        except BusyError:
            if context.instance is not None and context.run is not None:
                mark_may_pass(context.instance, context.run.run_id)
            raise

    return run_lock_resource


class DbtServer:
    """The process that dbt's calls of this run are forked from (``transform/dbt_server.py``)."""


def build_dbt_server(settings: Settings, project: PreparedProject) -> dg.ResourceDefinition:
    """Starts with the run, so that dbt is imported and parsed while files are loaded."""

    @dg.resource(description="dbt, imported and parsed once for the calls of a run.")
    def dbt_server_resource() -> Iterator[DbtServer]:
        with serving(settings, project):
            yield DbtServer()

    return dbt_server_resource


class Dbt(DbtCliResource):
    """dagster-dbt's resource without its two detours before each call (0.29.27, 2026-11).

    It asks ``dbt --version``, which asks the package index for newer releases: Hourglass asks no
    network, and it took 3 s. It loads an adapter into this process, for reading metadata that
    Hourglass counts itself.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:
        return None


@contextmanager
def told_plainly(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
) -> Iterator[None]:
    """Turn a person's error into a failure without a stack trace, and retry locks and IO only; a
    run that fails from these all the same is marked for the sensor."""
    is_last = context.op_execution_context.retry_number >= RETRIES
    try:
        yield
    except (HourglassError, OSError, duckdb.Error) as error:
        told = _told(context, error)
        if isinstance(error, BusyError) and not is_last:
            context.log.warning(f"{error.message} Trying again in {RETRY_SECONDS} s.")
            raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=RETRY_SECONDS) from None
        if told is not None:
            if told.may_pass:
                mark_may_pass(context.instance, context.run_id)
            raise dg.Failure(description=told.message, allow_retries=False) from None
        if not isinstance(error, OSError):
            raise
        if is_last:
            mark_may_pass(context.instance, context.run_id)
        context.log.warning(traceback.format_exc(limit=3))
        raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=RETRY_SECONDS) from error


def _told(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, error: Exception
) -> HourglassError | None:
    """What a person is told of ``error``; None when only its trace says what it is."""
    if isinstance(error, HourglassError):
        return error
    return disk_failure(context.resources.settings, error) if is_of_the_disk(error) else None


def build_resources(settings: Settings, project: PreparedProject) -> dict[str, object]:
    """The resources of the code location, by the names that assets ask for."""
    executable, *before_arguments = dbt_command(settings)
    return {
        "settings": dg.ResourceDefinition.hardcoded_resource(settings),
        "run_lock": build_run_lock(settings),
        "dbt_server": build_dbt_server(settings, project),
        "dbt": Dbt(
            project_dir=str(project.folder),
            profiles_dir=str(project.folder),
            # dagster-dbt 0.29 looks for dbt on PATH, where another project's may stand.
            dbt_executable=executable,
            global_config_flags=before_arguments,
        ),
    }
