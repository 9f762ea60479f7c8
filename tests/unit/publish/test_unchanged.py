"""What did not change is not written again, and whatever is linked is what was checked."""

from pathlib import Path

import duckdb
import pytest

from dagster_project.publish import publish, writing
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
