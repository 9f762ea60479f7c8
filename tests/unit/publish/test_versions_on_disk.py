"""Versions that are kept: in order whatever the clock said, none lost, none for ever."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.errors import HourglassError, UsageError
from dagster_project.publish import (
    current_manifest,
    list_versions,
    prune,
    publish,
    recover,
    restricted_database,
    rollback,
    version_in_force,
)
from dagster_project.publish.flip import publishing
from dagster_project.publish.versions import NAME_FORMAT, find_version, new_name, version_of
from dagster_project.publish.versions_on_disk import kept
from dagster_project.quality.volume import latest_manifest
from tests.small_warehouse import fill, pass_gate, report_page, stamps


def test_versions_follow_each_other(put_out, settings):
    """If this fails, a later version sorts before an earlier one, or takes its name."""
    versions = [put_out(stamp) for stamp in (1, 2, 3)]
    names = [version.name for version in versions]
    assert names == sorted(set(names)) == [version.name for version in list_versions(settings)]
    assert stamps(settings) == {3}
    assert current_manifest(settings)["previous_version"] == names[1]
    assert new_name(settings, versions[1].published_at) not in names


def test_a_clock_that_was_wrong_misleads_no_later_version(put_out, settings, at):
    """A clock ran years ahead for a day: every later version is dated so too, or is taken for
    older than that one, and nothing is ever pruned again."""
    today = datetime.now(UTC)
    first = put_out(1)
    at(today + timedelta(days=1000))
    ahead = put_out(2)
    at(today + timedelta(seconds=1))
    third = put_out(3)
    at(today - timedelta(days=3))
    fourth = put_out(4)
    assert third.published_at == today + timedelta(seconds=1)
    assert list_versions(settings) == [first, ahead, third, fourth]
    assert [rollback(settings) for _ in range(3)] == [third, ahead, first]
    rollback(settings, fourth.name)
    kept = settings.model_copy(update={"keep_versions": 1})
    with publishing(settings):
        assert prune(kept, now=today + timedelta(days=2)) == [v.name for v in (first, ahead, third)]


def test_a_version_without_its_other_half_is_passed_over(put_out, settings):
    """Rolling back offers a version that it then refuses."""
    first, second, _ = (put_out(stamp) for stamp in (1, 2, 3))
    shutil.rmtree(second.restricted)
    with pytest.raises(HourglassError, match="not complete"):
        rollback(settings, second.name)
    assert rollback(settings) == first


def test_old_versions_go_and_young_ones_stay(put_out, settings):
    """If this fails, the disk fills up, or a reader loses the version that it has open."""
    versions = [put_out(stamp, keep_versions=3) for stamp in range(1, 6)]
    assert len(list_versions(settings)) == 5
    tomorrow = versions[-1].published_at + timedelta(days=2)
    kept = settings.model_copy(update={"keep_versions": 3})
    with publishing(settings):
        assert prune(kept, now=tomorrow) == [v.name for v in versions[:2]]
    assert list_versions(settings) == versions[2:]
    assert [v.restricted.exists() for v in versions] == [False, False, True, True, True]
    assert stamps(settings) == {5}


@settings(max_examples=50, deadline=None)
@given(
    gaps=st.lists(st.sampled_from((1, 15, 15, 15, 60, 300, 1440, 4320)), max_size=150),
    count=st.integers(3, 10),
)
def test_runs_by_the_quarter_of_an_hour_leave_a_week_and_no_hundred_versions(gaps, count):
    """The disk fills up within a day of runs every quarter of an hour, or all that is left to go
    back to is two hours old."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made: list[datetime] = []
    left: list[datetime] = []
    for gap in gaps:
        now += timedelta(minutes=gap)
        made.append(now)
        left.append(now)
        stay = kept(left, count, now)
        left = [moment for place, moment in enumerate(left) if place in stay]
        assert set(made[-count:]) <= set(left)
        in_use = [moment for moment in made if now - moment < timedelta(hours=2)]
        assert set(in_use) <= set(left)
        assert len(left) <= len(in_use) + 2 * count + 24
    days = sorted({moment.date() for moment in made})[-count:]
    newest = {max(moment for moment in made if moment.date() == day) for day in days}
    assert newest <= set(left)
    hours = {(m.date(), m.hour): m for m in made if now - m < timedelta(days=1)}
    assert set(hours.values()) <= set(left)


def test_the_version_in_force_is_never_pruned(put_out, settings):
    """If this fails, going back to an old version is undone by the next clean-up."""
    versions = [put_out(stamp) for stamp in range(1, 6)]
    rollback(settings, versions[0].name)
    kept = settings.model_copy(update={"keep_versions": 3})
    with publishing(settings):
        assert prune(kept, now=datetime.now(UTC) + timedelta(days=2)) == [versions[1].name]
    assert stamps(settings) == {1}


def test_rollback_goes_back_in_both_places(put_out, settings):
    """If this fails, a bad version cannot be taken back, or identifiers are of another one."""
    first, second, third = (put_out(stamp) for stamp in (1, 2, 3))
    assert rollback(settings) == second
    assert stamps(settings) == {2}
    assert restricted_database(settings).parent == second.restricted
    assert (settings.restricted_dir / "current").resolve() == second.restricted
    assert rollback(settings, first.name) == first
    with pytest.raises(UsageError, match="no older"):
        rollback(settings)
    with pytest.raises(UsageError, match="no version 2001"):
        rollback(settings, "2001")
    assert rollback(settings, third.name) == third
    assert stamps(settings) == {3}
    # A new version after going back comes after all of them.
    rollback(settings, first.name)
    assert put_out(4) == list_versions(settings)[-1]


def test_a_lost_published_folder_keeps_the_registry(put_out, settings):
    """If this fails, losing the published marts also loses who has which customer id."""
    put_out(1)
    version = put_out(2)
    os.rename(settings.published_dir, settings.data_dir / "lost")  # noqa: PTH104
    recover(settings)
    assert restricted_database(settings) == version.restricted / "restricted.duckdb"
    assert put_out(3).name > version.name


def test_names_say_when(settings):
    """If this fails, nobody can tell from its name when a version was made."""
    moment = datetime(2024, 7, 1, 5, 6, 7, 89, tzinfo=UTC)
    name = new_name(settings, moment)
    assert name == "20240701T050607-000089" == moment.strftime(NAME_FORMAT)
    assert version_of(settings, name).published_at == moment


def of_day(con, day: str, *, make_current: bool = False) -> None:
    """The build that the warehouse holds is of ``day``."""
    con.execute(f"UPDATE control.parameters SET as_of = DATE '{day}'")
    con.execute(f"UPDATE marts.build SET as_of = DATE '{day}'")
    con.execute(
        "ALTER TABLE control.parameters ADD COLUMN IF NOT EXISTS make_current BOOLEAN DEFAULT false"
    )
    con.execute("UPDATE control.parameters SET make_current = ?", [make_current])


@pytest.fixture
def put_out_day(con, settings, suites_dir, tmp_path):
    """Publish the build ``b<stamp>`` of a day."""

    def put_out_day(stamp: int, day: str, *, make_current: bool = False):
        fill(con, f"b{stamp}", stamp=stamp)
        of_day(con, day, make_current=make_current)
        pass_gate(con, settings, suites_dir, tmp_path / "dbt")
        return publish(con, settings, render=report_page, suites_dir=suites_dir)

    return put_out_day


def test_a_past_day_stays_beside_the_version_in_force(put_out_day, settings):
    """Somebody looks at last month once more, and every dashboard goes back a month."""
    today = put_out_day(1, "2024-06-30")
    past = put_out_day(2, "2024-05-31")
    assert past.is_restated
    assert past.database.exists()
    assert json.loads((past.published / "manifest.json").read_text())["is_restated"]
    assert version_in_force(settings).name == today.name
    assert stamps(settings) == {1}
    # It is no version to go back to, and does not push one out.
    tomorrow = put_out_day(3, "2024-07-01")
    assert not tomorrow.is_restated
    assert rollback(settings).name == today.name


def test_a_past_day_becomes_current_only_when_asked(put_out_day, settings):
    """A company cannot show last month's state at all, or its next build is compared with it."""
    today = put_out_day(1, "2024-06-30")
    past = put_out_day(2, "2024-05-31", make_current=True)
    assert version_in_force(settings).name == past.name
    assert latest_manifest(settings)["version"] == today.name
    assert put_out_day(3, "2024-06-29").is_restated
    assert version_in_force(settings).name == past.name
    assert not put_out_day(4, "2024-07-01").is_restated


def test_a_day_to_come_in_force_holds_up_no_later_version(put_out_day, settings):
    """After a slip in the year every run ends well, and none is ever in force."""
    put_out_day(1, "2999-06-30")
    today = put_out_day(2, "2024-06-30")
    assert not today.is_restated
    assert version_in_force(settings).name == today.name
    assert put_out_day(3, "2024-06-29").is_restated


def test_versions_are_asked_for_by_their_day(put_out_day, settings):
    """Who asks for a day that is not kept reads names that say no day, and has to guess."""
    put_out_day(1, "2024-06-29")
    today = put_out_day(2, "2024-06-30")
    assert find_version(settings, "2024-06-30").name == today.name
    with pytest.raises(UsageError, match=r"no version 2024-06-28\..* \(as of 2024-06-30\)"):
        find_version(settings, "2024-06-28")


def test_restated_versions_do_not_push_out_others(put_out_day, settings):
    """Seven looks at the past, and no version is left to go back to."""
    names = [put_out_day(1, "2024-06-29").name, put_out_day(2, "2024-06-30").name]
    for stamp in range(3, 3 + settings.keep_versions + 1):
        put_out_day(stamp, "2024-05-31")
    prune(settings, now=datetime.now(UTC) + timedelta(days=3))
    kept = list_versions(settings)
    assert [version.name for version in kept if not version.is_restated] == names
    assert sum(version.is_restated for version in kept) == settings.keep_versions


def test_a_lost_version_in_force_is_no_dead_end(put_out_day, settings):
    """The run says to roll back and the rollback says that there is nothing to go back to."""
    first = put_out_day(1, "2024-06-29")
    second = put_out_day(2, "2024-06-30")
    rollback(settings)
    shutil.rmtree(first.published)
    with pytest.raises(HourglassError, match="hourglass rollback"):
        current_manifest(settings)
    assert rollback(settings).name == second.name
    assert stamps(settings) == {2}
    shutil.rmtree(second.published)
    with pytest.raises(UsageError, match=r"No complete version is left"):
        rollback(settings)
    assert current_manifest(settings) is None
    assert put_out_day(3, "2024-07-01").name == version_in_force(settings).name
