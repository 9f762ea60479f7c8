"""Versions on disk: putting an older one back in force, and removing those beyond the count."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from dagster_project.errors import HourglassError, UsageError, no_such
from dagster_project.publish.flip import discard, publishing, put_in_force
from dagster_project.publish.older_versions import restore_tables
from dagster_project.publish.versions import (
    IN_USE,
    PublishedVersion,
    list_versions,
    version_in_force,
    version_of,
)
from dagster_project.settings import Settings

# How long a version of each hour is kept.
YOUNG = timedelta(days=1)


def rollback(settings: Settings, name: str | None = None) -> PublishedVersion:
    """Put an older version back in force: ``name``, or the newest complete one before that in
    force; when that one is gone, the newest that is left.

    Raises UsageError when there is no such version, HourglassError when its files are not
    complete, or its tables cannot be made of its Parquet again.
    """
    with publishing(settings):
        versions = list_versions(settings)
        in_force = version_in_force(settings)
        if name is None:
            version = _one_before(settings, versions, in_force)
        else:
            version = version_of(settings, name)
            if version not in versions:
                raise UsageError(no_such("version", name, [one.name for one in versions]))
            if not version.is_complete:
                raise HourglassError(
                    f"Version {name} is not complete: files of it are missing below "
                    f"{version.published} or {version.restricted}. hourglass versions lists those "
                    "that are."
                )
        if in_force is None or in_force.name != version.name:
            restore_tables(settings, version)
            put_in_force(settings, version, is_new=False)
    return version


def prune(settings: Settings, *, now: datetime | None = None) -> list[str]:
    """Remove the versions that :func:`kept` leaves out; their names.

    Restated versions are counted apart. The one in force stays whatever its age. Called with the
    versions locked.
    """
    now = now or datetime.now(UTC)
    in_force = version_in_force(settings)
    removed = []
    versions = list_versions(settings)
    for is_restated in (False, True):
        alike = [version for version in versions if version.is_restated == is_restated]
        stay = kept([version.published_at for version in alike], settings.keep_versions, now)
        for place, version in enumerate(alike):
            if place not in stay and (in_force is None or version.name != in_force.name):
                discard(version)
                removed.append(version.name)
    return removed


def kept(published: Sequence[datetime], count: int, now: datetime) -> set[int]:
    """Places of the versions that stay, of all in the order in which they were published.

    The newest ``count``; all of the last two hours; of the last day the newest of each hour; and
    the newest of each day of as many days as ``count``. So a run every quarter of an hour leaves
    no hundred versions a day, and still a week to go back to.
    """
    stay: set[int] = set()
    hours: set[datetime] = set()
    days: set[date] = set()
    for place in reversed(range(len(published))):
        moment = published[place]
        age = now - moment
        hour = moment.replace(minute=0, second=0, microsecond=0)
        # One that a wrong clock dated ahead is not young until that day comes.
        is_newest_of_hour = timedelta(0) <= age < YOUNG and hour not in hours
        is_newest_of_day = moment.date() not in days and len(days) < count
        if (
            len(published) - place <= count
            or timedelta(0) <= age < IN_USE
            or is_newest_of_hour
            or is_newest_of_day
        ):
            stay.add(place)
        hours.add(hour)
        if is_newest_of_day:
            days.add(moment.date())
    return stay


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
