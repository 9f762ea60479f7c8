"""A checked build becomes a version that readers see, all at once.

``versions`` says where versions lie and which one is in force, ``writing`` writes and verifies the
files, ``flip`` puts them in force and cleans up after a crash, ``versions_on_disk``
goes back to an older one and removes those that are not kept, ``older_versions`` leaves them
their Parquet alone, ``reading`` opens one,
``comparison`` says what differs between two, ``inputs`` whether there is anything new to build.
Nothing here knows about orchestration.
"""

from dagster_project.publish.comparison import VersionComparison, compare_versions
from dagster_project.publish.flip import recover
from dagster_project.publish.inputs import changed_parts, input_parts, inputs_fingerprint
from dagster_project.publish.older_versions import leave_parquet_alone
from dagster_project.publish.publish import publish
from dagster_project.publish.reading import opened_marts
from dagster_project.publish.versions import (
    PublishedVersion,
    current_manifest,
    find_version,
    list_versions,
    restricted_database,
    version_in_force,
)
from dagster_project.publish.versions_on_disk import prune, rollback

__all__ = [
    "PublishedVersion",
    "VersionComparison",
    "changed_parts",
    "compare_versions",
    "current_manifest",
    "find_version",
    "input_parts",
    "inputs_fingerprint",
    "leave_parquet_alone",
    "list_versions",
    "opened_marts",
    "prune",
    "publish",
    "recover",
    "restricted_database",
    "rollback",
    "version_in_force",
]
