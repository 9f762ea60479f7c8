"""Versions on disk: putting an older one back in force, and removing those beyond the count."""

from datetime import UTC, datetime, timedelta

from dagster_project.errors import HourglassError, UsageError
from dagster_project.publish.flip import discard, publishing, put_in_force
from dagster_project.publish.versions import (
    PublishedVersion,
    list_versions,
    version_in_force,
    version_of,
)
from dagster_project.settings import Settings

# Readers that opened a version stay on it; a day is longer than any dashboard session was seen.
YOUNG = timedelta(days=1)


def rollback(settings: Settings, name: str | None = None) -> PublishedVersion:
    """Put an older version back in force: ``name``, or the newest complete one before that in
    force; when that one is gone, the newest that is left.

    Raises UsageError when there is no such version, HourglassError when its files are not
    complete.
    """
    with publishing(settings):
        versions = list_versions(settings)
        in_force = version_in_force(settings)
        if name is None:
            version = _one_before(settings, versions, in_force)
        else:
            version = version_of(settings, name)
            if version not in versions:
                names = ", ".join(one.name for one in versions)
                raise UsageError(f"There is no version {name}. There are: {names or 'none'}.")
            if not version.is_complete:
                raise HourglassError(
                    f"Version {name} is not complete: files of it are missing below "
                    f"{version.published} or {version.restricted}. hourglass versions lists those "
                    "that are."
                )
        if in_force is None or in_force.name != version.name:
            put_in_force(settings, version, is_new=False)
    return version


def prune(settings: Settings, *, now: datetime | None = None) -> list[str]:
    """Remove versions beyond ``keep_versions`` that are older than a day; their names.

    Restated versions are counted apart. The one in force stays whatever its age. Called with the
    versions locked.
    """
    now = now or datetime.now(UTC)
    in_force = version_in_force(settings)
    removed = []
    versions = list_versions(settings)
    beyond = [
        version
        for is_restated in (False, True)
        for version in [v for v in versions if v.is_restated == is_restated][
            : -settings.keep_versions
        ]
    ]
    for version in beyond:
        # One that a wrong clock dated ahead is not young until that day comes.
        is_young = timedelta(0) <= now - version.published_at < YOUNG
        if not is_young and (in_force is None or version.name != in_force.name):
            discard(version)
            removed.append(version.name)
    return removed


def _one_before(
    settings: Settings, versions: list[PublishedVersion], in_force: PublishedVersion | None
) -> PublishedVersion:
    """What a rollback without a name goes back to."""
    usable = [version for version in versions if version.is_complete and not version.is_restated]
    if in_force is not None and in_force in versions and in_force.is_complete:
        older = versions[: versions.index(in_force)]
    else:
        # What is in force is gone: whatever is left is better, also a newer one.
        older = [v for v in usable if in_force is not None and v.name < in_force.name]
        older = older or usable or [version for version in versions if version.is_complete]
        if not older:
            raise UsageError(
                f"No complete version is left in {settings.published_dir}: hourglass run makes a "
                "new one."
            )
        return older[-1]
    older = [version for version in older if version in usable]
    if not older:
        raise UsageError("There is no older version to go back to.")
    return older[-1]
