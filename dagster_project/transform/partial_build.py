"""A build of some models outside the daily steps: what identity reads, before people are erased.

Tests are left out and nothing is recorded for the gate: the daily steps build these models again.
"""

import os
import subprocess

from dagster_project.errors import HourglassError
from dagster_project.identity import IDENTITY_INPUTS
from dagster_project.settings import Settings
from dagster_project.transform.project import (
    DBT_EXECUTABLE,
    cache_dir,
    dbt_environment,
    prepare_project,
    share_parse,
)


def build_identity_inputs(settings: Settings) -> None:
    """Build identity's input tables in the warehouse, which nobody may have open meanwhile.

    Raises HourglassError with the names of the models that could not be built.
    """
    project = prepare_project(cache_dir(settings))
    target = settings.warehouse_dir / "dbt"
    share_parse(project, target)
    folder = str(project.folder)
    result = subprocess.run(
        [
            *(str(DBT_EXECUTABLE), "build", "--quiet", "--no-use-colors"),
            *("--resource-type", "model", "--resource-type", "seed"),
            # With all that they stand on.
            *("--select", *(f"+{name}" for name in IDENTITY_INPUTS)),
            *("--target-path", str(target), "--log-path", str(target)),
            *("--project-dir", folder, "--profiles-dir", folder),
        ],
        cwd=project.folder,
        env={**os.environ, **dbt_environment(settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise HourglassError(
            "dbt could not build what identities are resolved from, so that erasure requests wait. "
            f"See {target}/dbt.log. The version in force is untouched."
        )
