"""Publish targets: where else the version in force is put, beyond the folder.

The folder decides; a target follows it. One that could not be reached keeps the version that it
has, whole, and is brought up to date by the next run or rollback.
"""

from collections.abc import Callable
from typing import Protocol

from dagster_project.errors import HourglassError
from dagster_project.publish.targets.postgres import PostgresTarget
from dagster_project.publish.targets.storage import StorageTarget
from dagster_project.publish.versions import PublishedVersion, list_versions, version_in_force
from dagster_project.settings import Settings


class Target(Protocol):
    """A place whose readers see one version or the other, never a mixture."""

    name: str

    def in_force(self) -> str | None:
        """The name of the version that its readers see. Raises HourglassError."""

    def put_in_force(self, version: PublishedVersion) -> None:
        """Bring a version there whole, then let readers see it. Raises HourglassError, with what
        readers see unchanged.
        """


def targets_of(settings: Settings) -> list[Target]:
    """The targets that the settings name."""
    found: list[Target] = []
    if settings.publish_postgres_url:
        found.append(
            PostgresTarget(
                settings.publish_postgres_url,
                schema=settings.publish_postgres_schema,
                readers=settings.publish_postgres_readers,
            )
        )
    if settings.publish_url:
        found.append(
            StorageTarget(
                settings.publish_url,
                kept=lambda: {version.name for version in list_versions(settings)},
            )
        )
    return found


def update_targets(settings: Settings, progress: Callable[[str], None] | None = None) -> list[str]:
    """Put the version in force into force at every target that has another; the targets' names.

    Raises HourglassError that names each target which could not take it and why, after all others
    were brought up to date.
    """
    version = version_in_force(settings)
    if version is None:
        return []
    updated, failed = [], []
    for target in targets_of(settings):
        try:
            if target.in_force() == version.name:
                continue
            if progress is not None:
                progress(f"bringing version {version.name} to {target.name}")
            target.put_in_force(version)
            updated.append(target.name)
        except HourglassError as error:
            failed.append(f"{target.name} did not take it: {error.message}")
    if failed:
        raise HourglassError(
            f"Version {version.name} is in force in {settings.published_dir}, but "
            f"{'; '.join(failed)} Its readers keep what they had; the next run tries again."
        )
    return updated
