"""Putting a version in force, so that it is wholly in force or not at all.

Two symlinks change, one after the other, and a process can die in between. A journal says what
was under way; :func:`recover` reads it before anything else is done. The published link changes
last and decides: what it points at is in force, and the restricted link follows it.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster_project.errors import BusyError
from dagster_project.publish.versions import (
    BUILDING_PREFIX,
    SPARE_SUFFIX,
    PublishedVersion,
    cannot_write,
    version_in_force,
    version_of,
)
from dagster_project.settings import Settings

# Names that are no version: half-built, half-removed, or a link not yet renamed.
LINK_PREFIX = ".current-"
REMOVED_PREFIX = ".removed-"


@contextmanager
def publishing(settings: Settings) -> Iterator[None]:
    """The folders exist, what a killed process left is cleaned up, and nobody else changes
    versions during the block.

    Raises BusyError when somebody does, HourglassError when the folders cannot be written.
    """
    try:
        (settings.published_dir / "versions").mkdir(parents=True, exist_ok=True)
        for private in (settings.restricted_dir, settings.restricted_dir / "versions"):
            private.mkdir(parents=True, exist_ok=True, mode=0o700)
            private.chmod(0o700)
        handle = os.open(settings.published_dir / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise cannot_write(Path(error.filename or settings.published_dir), error) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("Another process is publishing or rolling back. Try again.") from None
        _recover(settings)
        yield
    finally:
        os.close(handle)


def recover(settings: Settings) -> None:
    """Clean up after a publish or rollback that did not finish; nothing to do when all is well.

    A new version that did not come into force is removed, the restricted link follows the
    published one, and half-built folders go. Every publish and rollback begins with this.
    """
    with publishing(settings):
        pass


def keep_apart(settings: Settings, version: PublishedVersion) -> None:
    """Complete a new version beside the one in force. Raises OSError; :func:`recover` then
    removes what there is of it.
    """
    journal = _journal(settings)
    _write_durably(journal, json.dumps({"version": version.name, "is_new": True}))
    _complete(version)
    journal.unlink()
    sync_folder(journal.parent)


def put_in_force(settings: Settings, version: PublishedVersion, *, is_new: bool) -> None:
    """Point both links at ``version``. ``is_new``: its folders still carry their building names.

    Raises OSError; :func:`recover` then restores what was in force.
    """
    journal = _journal(settings)
    _write_durably(journal, json.dumps({"version": version.name, "is_new": is_new}))
    if is_new:
        _complete(version)
    _flip(settings.restricted_dir, version.name)
    _flip(settings.published_dir, version.name)
    journal.unlink()
    sync_folder(journal.parent)


def _complete(version: PublishedVersion) -> None:
    for folder in (version.restricted, version.published):
        building_folder(folder).rename(folder)
        sync_folder(folder.parent)


def discard(version: PublishedVersion) -> None:
    """Remove a version. Killed halfway, no part of it is left that a later call would not find:
    the direct identifiers go first, and a folder stops being a version before it is emptied.
    """
    for folder in (version.restricted, version.published):
        if folder.exists():
            removed = folder.with_name(REMOVED_PREFIX + folder.name)
            folder.rename(removed)
            shutil.rmtree(removed)


def building_folder(folder: Path) -> Path:
    """What a version's folder is called until it is complete and verified."""
    return folder.with_name(BUILDING_PREFIX + folder.name)


def sync_folder(folder: Path) -> None:
    """Make renames and new names in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Make every file and folder below ``folder`` survive a power cut."""
    for path, _, files in os.walk(folder):
        for name in files:
            with (Path(path) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(path))


def _recover(settings: Settings) -> None:
    journal = _journal(settings)
    in_force = version_in_force(settings)
    if journal.exists():
        entry = _read_journal(journal)
        if entry is not None and entry["is_new"]:
            version = version_of(settings, entry["version"])
            if in_force is None or in_force.name != version.name:
                _follow(settings, in_force)
                discard(version)
        journal.unlink()
    _follow(settings, in_force)
    for parent in (settings.published_dir, settings.restricted_dir):
        for leftover in parent.glob(f"{LINK_PREFIX}*"):
            leftover.unlink()
        for prefix in (BUILDING_PREFIX, REMOVED_PREFIX):
            for leftover in (parent / "versions").glob(f"{prefix}*"):
                shutil.rmtree(leftover)
        for leftover in (parent / "versions").glob(f"*/*{SPARE_SUFFIX}*"):
            leftover.unlink()


def _follow(settings: Settings, in_force: PublishedVersion | None) -> None:
    """Make the restricted link agree with the published one."""
    link = settings.restricted_dir / "current"
    if in_force is None:
        # Not when it points at something: published/ was lost, and this is what is left.
        if link.is_symlink() and not link.exists():
            link.unlink()
    elif not link.is_symlink() or link.readlink().name != in_force.name:
        _flip(settings.restricted_dir, in_force.name)


def _flip(parent: Path, name: str) -> None:
    """Replace ``parent/current`` in one step: no reader finds it missing."""
    temporary = parent / f"{LINK_PREFIX}{name}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(Path("versions") / name, target_is_directory=True)
    temporary.rename(parent / "current")
    sync_folder(parent)


def _journal(settings: Settings) -> Path:
    return settings.published_dir / ".publishing"


def _read_journal(path: Path) -> dict[str, str | bool] | None:
    """None when the process died before it had written it whole: then nothing was renamed."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _write_durably(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
