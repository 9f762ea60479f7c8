"""Killed between any two steps, both links show one version, and nothing is left over."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from dagster_project.publish import flip
from dagster_project.publish.flip import building_folder, put_in_force, recover
from dagster_project.publish.versions import (
    list_versions,
    restricted_database,
    version_in_force,
    version_of,
)

OLD, NEW = "20240701T050000-000000", "20240702T050000-000000"


class KilledError(BaseException):
    """Stands for kill -9: no handler of the code under test may catch it."""


def make_version(settings, name: str, *, is_building: bool):
    version = version_of(settings, name)
    for folder, file in (
        (version.published, "marts.duckdb"),
        (version.restricted, "restricted.duckdb"),
    ):
        where = building_folder(folder) if is_building else folder
        where.mkdir(parents=True)
        (where / file).write_text(name)
    return version


def in_force(settings) -> tuple[str, str]:
    """What a reader of each tree finds."""
    return tuple(
        (folder / "current" / file).read_text()
        for folder, file in (
            (settings.published_dir, "marts.duckdb"),
            (settings.restricted_dir, "restricted.duckdb"),
        )
    )


@pytest.fixture
def killing(monkeypatch):
    """Die before the n-th change to the file system; how many there were."""

    def killing(at: int | None) -> list[str]:
        done: list[str] = []

        def counted(name, original):
            def call(*args, **kwargs):
                if at is not None and len(done) == at:
                    raise KilledError
                done.append(name)
                return original(*args, **kwargs)

            return call

        for name in ("rename", "symlink_to", "unlink"):
            monkeypatch.setattr(Path, name, counted(name, getattr(Path, name)))
        monkeypatch.setattr(os, "fsync", counted("fsync", os.fsync))
        monkeypatch.setattr(flip.shutil, "rmtree", counted("rmtree", flip.shutil.rmtree))
        return done

    return killing


def prepared(settings, *, has_old: bool):
    recover(settings)
    if has_old:
        put_in_force(settings, make_version(settings, OLD, is_building=False), is_new=False)
    return make_version(settings, NEW, is_building=True)


@pytest.mark.parametrize("has_old", [True, False])
@pytest.mark.parametrize("at", range(18))
def test_killed_before_any_step_of_a_publish(settings, killing, monkeypatch, has_old, at):
    """If this fails, a power cut during a publish leaves marts of one day with names of another."""
    version = prepared(settings, has_old=has_old)
    done = killing(at)
    killed = False
    try:
        put_in_force(settings, version, is_new=True)
    except KilledError:
        killed = True
    monkeypatch.undo()
    # The published link decides at every moment, before anybody cleaned up.
    decided = version_in_force(settings)
    if decided is not None:
        assert restricted_database(settings).read_text() == decided.name
        assert (settings.published_dir / "current" / "marts.duckdb").read_text() == decided.name
        # The published link is the last to change: with it, all of the new version is there.
        assert decided.name == OLD or in_force(settings) == (NEW, NEW)
    recover(settings)
    assert version_in_force(settings) == decided
    assert killed or (len(done) <= at and decided is not None and decided.name == NEW)
    names = [found.name for found in list_versions(settings)]
    if decided is None:
        assert names == []
        assert not (settings.restricted_dir / "current").is_symlink()
    else:
        assert in_force(settings) == (decided.name, decided.name)
        assert names == ([OLD] if has_old else []) + ([NEW] if decided.name == NEW else [])
    for tree in (settings.published_dir, settings.restricted_dir):
        left = {path.name for path in tree.iterdir()} | {
            path.name for path in (tree / "versions").iterdir()
        }
        assert left <= {"versions", "current", ".lock", OLD, decided.name if decided else OLD}
    assert {path.name for path in (settings.restricted_dir / "versions").iterdir()} == set(names)


@pytest.mark.parametrize("at", range(12))
def test_killed_while_cleaning_up(settings, killing, monkeypatch, at):
    """If this fails, a second power cut while recovering breaks what was in force."""
    version = prepared(settings, has_old=True)
    # Dead between the two links: the worst moment.
    monkeypatch.setattr(flip, "_flip", only_restricted(flip._flip, settings))
    with pytest.raises(KilledError):
        put_in_force(settings, version, is_new=True)
    monkeypatch.undo()
    assert version_in_force(settings).name == OLD
    killing(at)
    with suppress(KilledError):
        recover(settings)
    monkeypatch.undo()
    recover(settings)
    assert in_force(settings) == (OLD, OLD)
    assert [found.name for found in list_versions(settings)] == [OLD]
    assert [path.name for path in (settings.restricted_dir / "versions").iterdir()] == [OLD]


def only_restricted(original, settings):
    def call(parent, name):
        if parent == settings.published_dir:
            raise KilledError
        original(parent, name)

    return call


def test_a_journal_that_was_not_written_whole_is_no_journal(settings):
    """If this fails, a kill while the journal was written stops every later publish."""
    prepared(settings, has_old=True)
    (settings.published_dir / ".publishing").write_text('{"version": "2024')
    recover(settings)
    assert in_force(settings) == (OLD, OLD)
    assert not (settings.published_dir / ".publishing").exists()
