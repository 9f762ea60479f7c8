"""A checked build becomes a version that readers see, all at once.

``versions`` says where versions lie and which one is in force, ``build`` writes and verifies the
files, ``flip`` puts them in force and cleans up after a crash, ``inputs`` says whether there is
anything new to build. Nothing here knows about orchestration.
"""

from dagster_project.publish.flip import recover
from dagster_project.publish.inputs import changed_parts, input_parts, inputs_fingerprint
from dagster_project.publish.publish import prune, publish, rollback
from dagster_project.publish.versions import (
    PublishedVersion,
    current_manifest,
    list_versions,
    restricted_database,
    version_in_force,
)

__all__ = [
    "PublishedVersion",
    "changed_parts",
    "current_manifest",
    "input_parts",
    "inputs_fingerprint",
    "list_versions",
    "prune",
    "publish",
    "recover",
    "restricted_database",
    "rollback",
    "version_in_force",
]
