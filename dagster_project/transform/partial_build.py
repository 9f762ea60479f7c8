"""A build of some models outside the daily steps: what identity reads, before people are erased.

Tests are left out and nothing is recorded for the gate: the daily steps build these models again.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from dagster_project.engine import after_models, before_models
from dagster_project.errors import HourglassError
from dagster_project.identity import IDENTITY_INPUTS
from dagster_project.settings import Settings
from dagster_project.transform.dbt_server import dbt_command
from dagster_project.transform.project import (
    cache_dir,
    dbt_environment,
    prepare_project,
    share_parse,
)
from dagster_project.warehouse import connect


def build_identity_inputs(settings: Settings) -> None:
    """Build identity's input tables in the warehouse, which nobody may have open meanwhile.

    Raises HourglassError with the names of the models that could not be built.
    """
    project = prepare_project(cache_dir(settings), engine=settings.engine)
    manifest = project.read_manifest()
    models = _with_parents(manifest["nodes"], IDENTITY_INPUTS)
    target = settings.warehouse_dir / "dbt"
    share_parse(project, target)
    before_models(settings, manifest, {manifest["nodes"][key]["name"] for key in models})
    folder = str(project.folder)
    result = subprocess.run(
        [
            *dbt_command(settings),
            *("build", "--quiet", "--no-use-colors"),
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
    with connect(settings) as con:
        after_models(con, settings, manifest, models)


def _with_parents(nodes: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> set[str]:
    """Unique ids of the models ``names`` and of all models and seeds that they stand on."""
    wanted = set(names)
    waiting = [key for key, node in nodes.items() if node["name"] in wanted]
    found: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key in nodes and key not in found:
            found.add(key)
            waiting += nodes[key]["depends_on"]["nodes"]
    return found
