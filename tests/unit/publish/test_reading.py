"""A version is read by its marts' names, whether a mart is a table or Parquet alone."""

from pathlib import Path

import duckdb
import pytest

from dagster_project.errors import HourglassError
from dagster_project.publish import opened_marts
from dagster_project.publish.descriptions import descriptions_in
from dagster_project.publish.reading import attach_marts, detach_marts, marts_in, parquet_only
from dagster_project.quality.fingerprint import columns_of
from dagster_project.warehouse import connect_file
from tests.parquet_only import move_to_parquet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "it's a version"
    folder.mkdir()
    with duckdb.connect(str(folder / "marts.duckdb")) as con:
        con.execute(
            """
            CREATE TABLE build AS SELECT 'b1' AS build_id;
            CREATE TABLE orders AS SELECT * FROM (VALUES
                ('o1', CAST(1.50 AS DECIMAL(18, 2)), TIMESTAMP '2024-01-01 10:00:00'),
                ('o2', NULL, NULL)
            ) AS v(order_id, "net revenue", ordered_at);
            COMMENT ON TABLE orders IS 'It''s one per order';
            COMMENT ON COLUMN orders."net revenue" IS 'Without "taxes"';
            """
        )
    return folder


def all_read(folder: Path) -> dict[str, tuple]:
    """By mart: what a reader sees of it."""
    with opened_marts(folder) as con:
        said = descriptions_in(con)
        return {
            mart: (
                columns_of(con, "main", mart),
                con.execute(f"SELECT * FROM {mart} ORDER BY 1").fetchall(),
                said.get(mart, {}),
            )
            for mart in marts_in(con)
        }


@pytest.mark.parametrize("alone", [{"orders"}, {"orders", "build"}])
def test_a_mart_reads_alike_as_table_and_as_parquet(folder: Path, alone: set[str]):
    """A company grows, its largest mart moves, and an amount, a type or a definition is another."""
    before = all_read(folder)
    assert before["orders"][2][None] == "It's one per order"
    move_to_parquet(folder, alone)
    assert all_read(folder) == before


def test_versions_of_both_kinds_lie_side_by_side(folder: Path, tmp_path: Path):
    """Versions before and after a mart moved cannot be compared, or one is read as the other."""
    other = tmp_path / "other"
    other.mkdir()
    with duckdb.connect(str(other / "marts.duckdb")) as con:
        con.execute("CREATE TABLE orders AS SELECT 'o9' AS order_id")
    move_to_parquet(folder, {"orders"})
    with connect_file(":memory:", allowed_dirs=(folder, other)) as con:
        attach_marts(con, folder, "one")
        attach_marts(con, other, "other")
        rows = con.execute(
            "SELECT o.order_id, p.order_id FROM one.main.orders AS o, other.main.orders AS p "
            "ORDER BY 1"
        ).fetchall()
        assert (parquet_only(con, "one"), parquet_only(con, "other")) == (["orders"], [])
        detach_marts(con, "one")
        detach_marts(con, "other")
        attach_marts(con, folder, "one")
        assert marts_in(con, "one") == ["build", "orders"]
    assert rows == [("o1", "o9"), ("o2", "o9")]


def test_a_version_cannot_be_changed_by_reading_it(folder: Path):
    """A condition in somebody's question empties a published mart."""
    move_to_parquet(folder, {"orders"})
    with opened_marts(folder) as con:
        for sql in (
            "DELETE FROM marts_tables.main.build",
            "COPY (SELECT 1) TO '/tmp/x.csv'",
            "SELECT * FROM read_text('/etc/hostname')",
        ):
            with pytest.raises(duckdb.Error):
                con.execute(sql)


@pytest.mark.parametrize("content", [None, b"no database at all"])
def test_a_version_that_cannot_be_read_is_named(folder: Path, content: bytes | None):
    """A damaged version ends a command in a stack trace."""
    database = folder / "marts.duckdb"
    database.unlink()
    if content:
        database.write_bytes(content)
    with pytest.raises(HourglassError, match=r"marts\.duckdb is"), opened_marts(folder):
        pass


@pytest.mark.parametrize("cut", [0, 10, -1])
def test_a_damaged_file_that_is_all_of_a_mart_is_named(folder: Path, cut: int):
    """A disk lost half of the largest mart, and a command ends in a stack trace."""
    move_to_parquet(folder, {"orders"})
    file = folder / "parquet" / "orders.parquet"
    file.write_bytes(file.read_bytes()[:cut])
    with (
        pytest.raises(HourglassError, match=r"orders\.parquet cannot"),
        opened_marts(folder),
    ):
        pass
