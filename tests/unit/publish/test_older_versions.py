"""Older versions are left their Parquet alone: the disk has room, and every mart is still there."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project.cli.versions import listed_versions
from dagster_project.errors import HourglassError
from dagster_project.publish import (
    leave_parquet_alone,
    list_versions,
    opened_marts,
    recover,
    rollback,
    version_in_force,
)
from dagster_project.publish.descriptions import descriptions_in
from dagster_project.publish.flip import publishing
from dagster_project.publish.reading import marts_in
from tests.small_warehouse import stamps

MARTS = ["build", "customers", "orders"]


def contents(version):
    """Every mart of a version as its readers see it, with what is said of it."""
    with opened_marts(version.published) as con:
        rows = {mart: con.execute(f"FROM {mart} ORDER BY ALL").fetchall() for mart in marts_in(con)}
        types = con.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns "
            "WHERE table_catalog = current_database() ORDER BY ALL"
        ).fetchall()
        return rows, types, descriptions_in(con)


def tables(version):
    with duckdb.connect(str(version.database), read_only=True) as con:
        return sorted(name for (name,) in con.execute("SHOW TABLES").fetchall())


def alone(version):
    manifest = json.loads((version.published / "manifest.json").read_text())
    return sorted(name for name, mart in manifest["marts"].items() if mart["is_parquet_only"])


@pytest.fixture
def leave(settings):
    def leave(versions, *, hours=72):
        with publishing(settings):
            now = versions[-1].published_at + timedelta(hours=hours)
            return leave_parquet_alone(settings, now=now)

    return leave


def test_older_versions_lose_their_tables_and_no_mart(put_out, settings, leave):
    """A week of versions takes seven times the disk of one, or an older one has lost its rows."""
    versions = [put_out(stamp) for stamp in range(1, 6)]
    before = [contents(version) for version in versions]
    # Everything is of today so far, and somebody may be reading it.
    assert [tables(version) for version in versions] == [MARTS] * 5
    assert leave(versions, hours=1) == []
    assert leave(versions) == [version.name for version in versions[:3]]
    assert [tables(version) for version in versions] == [["build"]] * 3 + [MARTS] * 2
    assert [alone(version) for version in versions] == [["customers", "orders"]] * 3 + [[]] * 2
    assert [contents(version) for version in versions] == before
    assert leave(versions) == []
    assert stamps(settings) == {5}


def test_publishing_leaves_those_before_theirs(put_out, settings, at):
    """The disk fills up, because nobody calls what makes room."""
    day = datetime.now(UTC)
    versions = []
    for stamp in range(1, 5):
        at(day - timedelta(days=5 - stamp))
        versions.append(put_out(stamp))
    assert [tables(version) for version in versions] == [["build"]] * 2 + [MARTS] * 2
    states = [one["state"] for one in listed_versions(settings)]
    assert states == ["in force", "", "Parquet", "Parquet"]


def test_the_version_in_force_keeps_its_tables_and_each_kind_its_newest(put_out, settings, leave):
    """BI finds nothing in the version in force, because it was rolled back to."""
    versions = [put_out(stamp) for stamp in range(1, 6)]
    rollback(settings, versions[1].name)
    assert leave(versions) == [versions[0].name, versions[2].name]
    assert tables(versions[1]) == MARTS
    assert stamps(settings) == {2}


def test_going_back_to_one_makes_its_tables_again(put_out, settings, leave):
    """After a rollback BI tools find an empty database."""
    versions = [put_out(stamp) for stamp in range(1, 5)]
    before = contents(versions[0])
    leave(versions)
    assert tables(versions[0]) == ["build"]
    assert rollback(settings, versions[0].name) == versions[0]
    assert (tables(versions[0]), alone(versions[0])) == (MARTS, [])
    assert contents(versions[0]) == before
    assert stamps(settings) == {1}


def test_what_is_too_large_for_tables_stays_parquet(put_out, settings, leave):
    """Going back makes a table of a mart that is too large for one."""
    versions = [put_out(stamp, parquet_only_rows=100) for stamp in range(1, 5)]
    leave(versions)
    chosen = settings.model_copy(update={"parquet_only_rows": 100})
    rollback(chosen, versions[0].name)
    assert (tables(versions[0]), alone(versions[0])) == (["build", "customers"], ["orders"])


def test_a_table_stays_where_its_parquet_is_not_what_was_verified(put_out, leave):
    """A damaged Parquet file becomes all that is left of a mart."""
    versions = [put_out(stamp) for stamp in range(1, 5)]
    file = versions[0].published / "parquet" / "orders.parquet"
    content = file.read_bytes()
    # Not the file itself: unchanged ones are shared.
    file.unlink()
    file.write_bytes(content[:-9])
    assert leave(versions) == [versions[1].name]
    assert tables(versions[0]) == MARTS


def exchange(file):
    duckdb.sql("SELECT 'o' || i AS order_id FROM range(100) AS r(i)").write_parquet(str(file))


def damage(file):
    content = bytearray(file.read_bytes())
    content[40:60] = bytes(20)
    file.unlink()
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("happens", "found"),
    [(exchange, "not the file"), (damage, "not the file"), (Path.unlink, "missing")],
)
def test_no_rollback_to_rows_that_were_not_published(put_out, settings, leave, happens, found):
    """A version comes into force of which somebody has exchanged a file, or that lacks a mart."""
    versions = [put_out(stamp) for stamp in range(1, 5)]
    leave(versions)
    file = versions[0].published / "parquet" / "orders.parquet"
    happens(file)
    with pytest.raises(HourglassError, match=rf"orders\.parquet is {found}"):
        rollback(settings, versions[0].name)
    assert version_in_force(settings) == versions[-1]
    assert not list(versions[0].published.glob("*.new"))


@pytest.fixture
def dying(monkeypatch):
    """Have a step die at one of the two renames."""

    def dying(step, at):
        module = sys.modules["dagster_project.publish.older_versions"]
        replace, calls = module._replace, []

        def die(*paths):
            calls.append(paths)
            if len(calls) == at:
                raise KeyboardInterrupt
            replace(*paths)

        with monkeypatch.context() as patched:
            patched.setattr(module, "_replace", die)
            with pytest.raises(KeyboardInterrupt):
                step()

    return dying


def test_a_rollback_after_a_death_finds_what_is_really_there(put_out, settings, leave, dying):
    """BI tools find an empty database, because the manifest still spoke of tables."""
    versions = [put_out(stamp) for stamp in range(1, 4)]
    dying(lambda: leave(versions), 2)
    assert (tables(versions[0]), alone(versions[0])) == (["build"], [])
    rollback(settings, versions[0].name)
    assert (tables(versions[0]), alone(versions[0])) == (MARTS, [])


def test_what_a_killed_process_left_goes_with_the_next_publish(put_out, settings):
    """A half-written copy of the marts stays in a version, where no erasure looks for a person."""
    version = put_out(1)
    for name in ("marts.new", "marts.new.wal", "manifest.new"):
        (version.published / name).write_bytes(b"half")
    recover(settings)
    assert not list(version.published.glob("*.new*"))
    assert tables(version) == MARTS


@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_death_on_the_way_is_put_right_by_the_next_call(put_out, settings, leave, dying, dies_at):
    """A process that died leaves a version that goes back into force without its tables."""
    versions = [put_out(stamp) for stamp in range(1, 4)]
    before = contents(versions[0])
    for step in (lambda: leave(versions), lambda: rollback(settings, versions[0].name)):
        dying(step, dies_at)
        assert contents(versions[0]) == before
        step()
        assert contents(versions[0]) == before
    assert (tables(versions[0]), alone(versions[0])) == (MARTS, [])
    assert not list(versions[0].published.glob("*.new"))
    assert len(list_versions(settings)) == 3
