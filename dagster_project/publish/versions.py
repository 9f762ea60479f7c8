"""Where versions lie, what they are called, and which one is in force.

``published/versions/<version>`` and ``restricted/versions/<version>`` belong together by name.
The version in force is the one that ``published/current`` points at, whatever
``restricted/current`` says: who needs both asks :func:`restricted_database`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dagster_project.errors import HourglassError, UsageError, no_such
from dagster_project.quality.volume import MANIFEST, kept_manifests, manifest_in_force
from dagster_project.settings import Settings

# In UTC. Their order is told by the numbers in the manifests: clocks have been wrong.
NAME_FORMAT = "%Y%m%dT%H%M%S-%f"
# A past day made again: marked in the name, so that the mark is there without the manifest.
RESTATED = "-restated"
NAME = re.compile(rf"\d{{8}}T\d{{6}}-\d{{6}}(?:{RESTATED})?")
BUILDING_PREFIX = ".building-"
# A file of a version that is to replace another one there.
SPARE_SUFFIX = ".new"
# Readers that open a version's files one after the other finish within this; a file that is open
# stays readable when it is removed.
IN_USE = timedelta(hours=2)
DATABASE = "marts.duckdb"
RESTRICTED_DATABASE = "restricted.duckdb"
# The mart by which a reader tells versions apart: a table of marts.duckdb in each.
ALWAYS_TABLE = "build"


@dataclass(frozen=True)
class PublishedVersion:
    """One complete version on disk."""

    name: str
    published: Path
    restricted: Path

    @property
    def database(self) -> Path:
        return self.published / DATABASE

    @property
    def report(self) -> Path:
        return self.published / "report" / "index.html"

    @property
    def is_restated(self) -> bool:
        """Whether it was made of a day before that of the version then in force."""
        return self.name.endswith(RESTATED)

    @property
    def published_at(self) -> datetime:
        """When it was made, UTC, as its name says."""
        moment = self.name.removesuffix(RESTATED)
        return datetime.strptime(moment, NAME_FORMAT).replace(tzinfo=UTC)

    @property
    def is_complete(self) -> bool:
        """Whether its files are there, those with direct identifiers too."""
        needed = (self.database, self.published / MANIFEST, self.restricted)
        return all(path.exists() for path in needed)


def version_of(settings: Settings, name: str) -> PublishedVersion:
    """The paths of version ``name``, whether it exists or not."""
    return PublishedVersion(
        name=name,
        published=settings.published_dir / "versions" / name,
        restricted=settings.restricted_dir / "versions" / name,
    )


def list_versions(settings: Settings) -> list[PublishedVersion]:
    """Every version, in the order in which they were made."""
    names = _names(settings.published_dir)
    order = {path.parent.name: n for n, (path, _) in enumerate(kept_manifests(settings), 1)}
    # One without a readable manifest comes first.
    return [
        version_of(settings, name) for name in sorted(names, key=lambda n: (order.get(n, 0), n))
    ]


def version_in_force(settings: Settings) -> PublishedVersion | None:
    """The version that readers see; None before the first publish."""
    link = settings.published_dir / "current"
    return version_of(settings, link.readlink().name) if link.is_symlink() else None


def find_version(settings: Settings, name: str | None) -> PublishedVersion:
    """The version in force, or the kept one called ``name``, or the newest of that business day.

    Raises UsageError when there is none.
    """
    if name is None:
        found = version_in_force(settings)
        if found is None:
            raise UsageError(
                f"Nothing is published in {settings.published_dir} yet: hourglass run first."
            )
        return found
    kept = list_versions(settings)
    days = {path.parent.name: manifest["as_of"] for path, manifest in kept_manifests(settings)}
    for version in reversed(kept):
        if name in (version.name, days.get(version.name)):
            return version
    known = [f"{version.name} (as of {days.get(version.name, 'no day')})" for version in kept]
    raise UsageError(no_such("version", name, known))


def current_manifest(settings: Settings) -> dict[str, Any] | None:
    """The manifest of the version in force; None before the first publish.

    Its ``inputs`` are comparable with :func:`dagster_project.publish.inputs_fingerprint`. Raises
    HourglassError when the version in force is damaged.
    """
    return manifest_in_force(settings)


def restricted_database(settings: Settings) -> Path | None:
    """The restricted database of the version in force; None when there is none.

    By the name of the published version and not through ``restricted/current``, so that marts and
    direct identifiers are always of one version. When ``published/`` was lost, the newest
    restricted database: the identity registry in it must not be lost with it.
    """
    in_force = version_in_force(settings)
    lost = [name for name in _names(settings.restricted_dir) if not name.endswith(RESTATED)]
    # One that a wrong clock dated ahead is the last choice.
    now = datetime.now(UTC)
    lost.sort(key=lambda name: (version_of(settings, name).published_at <= now, name))
    names = [in_force.name] if in_force else lost
    paths = [version_of(settings, name).restricted / RESTRICTED_DATABASE for name in names]
    return next((path for path in reversed(paths) if path.is_file()), None)


def new_name(settings: Settings, now: datetime | None = None, *, is_restated: bool = False) -> str:
    """A name that says when and that no version had."""
    now = now or datetime.now(UTC)
    taken = {
        version_of(settings, name).published_at
        for folder in (settings.published_dir, settings.restricted_dir)
        for name in _names(folder)
    }
    while now in taken:
        now += timedelta(microseconds=1)
    return now.strftime(NAME_FORMAT) + (RESTATED if is_restated else "")


def new_number(settings: Settings) -> int:
    """The number of the next version, above those of all that are kept."""
    numbers = [manifest.get("number", 0) for _, manifest in kept_manifests(settings)]
    return max(numbers, default=0) + 1


def cannot_write(path: Path, error: OSError) -> HourglassError:
    """The error for a folder that does not take what is to be written."""
    return HourglassError(
        f"{path} cannot be written ({error.strerror or type(error).__name__}). The version in "
        "force is unchanged. Check the disk's room and the folder's owner, then run again."
    )


def _names(parent: Path) -> list[str]:
    """Names of the complete versions below ``parent``, oldest first."""
    folder = parent / "versions"
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if NAME.fullmatch(path.name))
