"""What did not change is not written again, and whatever is linked is what was checked."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project.publish import list_versions, prune, publish, writing
from dagster_project.publish.versions import PublishedVersion
from dagster_project.settings import Settings
from tests.small_warehouse import fill, pass_gate, report_page


def parquet(version: PublishedVersion, mart: str) -> Path:
    return version.published / "parquet" / f"{mart}.parquet"


@pytest.fixture
def next_version(con, settings: Settings, suites_dir: Path, tmp_path: Path):
    """Publish the build ``b2`` of the same rows, but for orders, which has another stamp."""

    def next_version() -> PublishedVersion:
        fill(con, "b2", stamp=1)
        con.execute("UPDATE marts.orders SET stamp = 2")
        pass_gate(con, settings, suites_dir, tmp_path / "dbt")
        return publish(con, settings, render=report_page, suites_dir=suites_dir)

    return next_version


def room(paths: Iterable[Path]) -> int:
    """Bytes that files take, each once however many names it has."""
    return sum({(file := path.stat()).st_ino: file.st_size for path in paths}.values())


def stamps_in(path: Path) -> list[tuple[int]]:
    return duckdb.sql(f"SELECT DISTINCT stamp FROM read_parquet('{path}')").fetchall()


def test_unchanged_marts_share_their_file_with_the_version_before(put_out, next_version):
    """A week of versions of a million customers costs seven times the disk."""
    first, second = put_out(), next_version()
    assert parquet(second, "customers").samefile(parquet(first, "customers"))
    for mart in ("orders", "build"):
        assert not parquet(second, mart).samefile(parquet(first, mart))
    assert stamps_in(parquet(second, "orders")) == [(2,)]
    assert stamps_in(parquet(first, "orders")) == [(1,)]


def test_a_file_that_was_damaged_since_is_written_again(put_out, next_version):
    """One bad sector is handed on from version to version, and no check ever looks at it."""
    first = put_out()
    path = parquet(first, "customers")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    second = next_version()
    assert not parquet(second, "customers").samefile(path)
    assert stamps_in(parquet(second, "customers")) == [(1,)]


def test_a_disk_without_links_gets_copies(put_out, next_version, monkeypatch):
    """Nothing is published on a network drive or a stick."""
    monkeypatch.setattr(writing, "link", lambda *_: False)
    first, second = put_out(), next_version()
    assert not parquet(second, "customers").samefile(parquet(first, "customers"))
    assert stamps_in(parquet(second, "customers")) == [(1,)]


def test_seven_versions_of_an_unchanged_company_share_their_files(
    con, settings: Settings, suites_dir: Path
):
    """A week of versions of a company that stood still costs the disk seven times its marts; or
    pruning the old ones takes from the last the file that they shared."""
    versions = [publish(con, settings, render=report_page, suites_dir=suites_dir) for _ in range(7)]
    assert list_versions(settings) == versions
    # What a version says of itself is its own: its build, when it was published.
    shared = [parquet(version, mart) for version in versions for mart in ("customers", "orders")]
    assert room(shared) == room(shared[:2])
    later = datetime.now(UTC) + timedelta(days=2)
    gone = prune(settings.model_copy(update={"keep_versions": 1}), now=later)
    assert gone == [version.name for version in versions[:-1]]
    assert stamps_in(parquet(versions[-1], "orders")) == [(1,)]
    assert parquet(versions[-1], "orders").stat().st_nlink == 1
