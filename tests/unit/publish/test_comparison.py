"""What changed between two versions, and why: told from rows that the test changed itself."""

import json
from pathlib import Path

import duckdb
import pytest

from dagster_project.errors import HourglassError
from dagster_project.publish.comparison import compare_versions
from tests.parquet_only import move_to_parquet

PARTS = {
    "files": "f1",
    "own definitions": None,
    "identity decisions": "d1",
    "settings": {"half_life_days": 7.0},
    "as_of": "2024-06-30",
    "code": "c1",
    "DuckDB": "1",
}
TABLES = """
    CREATE TABLE customers AS SELECT * FROM (VALUES
        ('a', TIMESTAMP '2024-01-01', 2, 10.0, 5),
        ('b', TIMESTAMP '2024-02-01', 1, 20.0, 9),
        ('c', TIMESTAMP '2024-03-01', 0, NULL, NULL),
        ('d', TIMESTAMP '2024-03-01', 1, 3.0, 7)
    ) AS v(customer_id, first_seen_at, order_count, net_revenue, days_since_last_order);
    CREATE TABLE orders AS SELECT * FROM (VALUES
        ('o1', 'a', DATE '2024-05-01', 4.0), ('o2', 'a', DATE '2024-06-01', 6.0),
        ('o3', 'b', DATE '2024-06-02', 20.0), ('o4', 'd', DATE '2024-06-03', 3.0)
    ) AS v(order_id, customer_id, order_date, net_revenue);
    CREATE TABLE customer_id_changes (old_customer_id VARCHAR, new_customer_id VARCHAR);
"""


def version(folder: Path, name: str, *, parts: dict | None = None, sql: str = "") -> Path:
    folder.mkdir()
    parts = PARTS | (parts or {})
    with duckdb.connect(str(folder / "marts.duckdb")) as con:
        con.execute(TABLES + sql)
        marts = {}
        for (mart,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            rows = con.execute(f"SELECT * FROM {mart} ORDER BY ALL").fetchall()
            columns = dict.fromkeys([d[0] for d in con.description], "VARCHAR")
            marts[mart] = {"rows": len(rows), "digest": repr(rows), "columns": columns}
    manifest = {"version": name, "as_of": parts["as_of"], "input_parts": parts, "marts": marts}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(params=["tables", "outgrown", "parquet"])
def compared(tmp_path, request):
    """The comparison of the company above with one that ``sql`` changed. Marts are Parquet alone in
    the second version, or in both."""

    def compared(sql: str, **parts):
        before = version(tmp_path / "before", "v1")
        now = version(tmp_path / "now", "v2", parts=parts, sql=sql)
        if request.param != "tables":
            move_to_parquet(now)
        if request.param == "parquet":
            move_to_parquet(before)
        return compare_versions(before, now)

    return compared


def told(comparison, subject: str) -> set[tuple]:
    return {
        (change.kind, change.why, change.examples, change.columns)
        for change in comparison.rows[subject]
    }


def test_each_kind_of_change_is_told_apart(compared):
    """Yesterday's revenue moved, and nobody can say whether people bought, an export was corrected,
    or records changed hands."""
    found = compared(
        """
        INSERT INTO orders VALUES
            ('o5', 'b', DATE '2024-07-01', 7.0), ('o6', 'a', DATE '2024-05-05', 1.0);
        UPDATE orders SET net_revenue = 5.0 WHERE order_id = 'o2';
        UPDATE orders SET customer_id = 'c' WHERE order_id = 'o4';
        UPDATE customers SET order_count = order_count + 1 WHERE customer_id IN ('a', 'b', 'c');
        DELETE FROM customers WHERE customer_id = 'd';
        INSERT INTO customers VALUES ('e', TIMESTAMP '2024-07-01', 0, NULL, NULL);
        INSERT INTO customer_id_changes VALUES ('d', 'c');
        """,
        files="f2",
        as_of="2024-07-01",
    )
    assert found.causes == ("files", "as_of (2024-06-30 to 2024-07-01)")
    assert told(found, "orders") == {
        ("added", "new data", ("o5",), ()),
        ("added", "restated history", ("o6",), ()),
        ("changed", "restated history", ("o2",), ("net_revenue",)),
        ("changed", "identity", ("o4",), ("customer_id",)),
    }
    assert told(found, "customers") == {
        ("added", "new data", ("e",), ()),
        ("changed", "new data", ("b",), ("order_count",)),
        ("changed", "restated history", ("a",), ("order_count",)),
        ("changed", "identity", ("c",), ("order_count",)),
        ("removed", "identity", ("d",), ()),
    }
    assert (found.marts["orders"].rows_before, found.marts["orders"].rows_now) == (4, 6)
    assert not found.marts["orders"].is_equal


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"settings": {"half_life_days": 9.0}}, "settings"),
        ({"code": "c2"}, "code"),
        ({"code": "c2", "files": "f2"}, "restated history or code"),
        ({"identity decisions": "d2"}, "identity"),
        ({}, "not known"),
    ],
)
def test_what_the_builds_stood_on_says_why(compared, parts, why):
    """A changed setting is taken for a corrected export, or a guess is told as knowledge."""
    found = compared("UPDATE orders SET net_revenue = 0 WHERE order_id = 'o1'", **parts)
    assert told(found, "orders") == {("changed", why, ("o1",), ("net_revenue",))}


def test_a_day_that_passed_is_no_news(compared):
    """Every morning all customers are said to have changed."""
    found = compared("UPDATE customers SET days_since_last_order = 10", as_of="2024-07-01")
    changed = ("a", "b", "c", "d")
    assert told(found, "customers") == {
        ("changed", "another day", changed, ("days_since_last_order",))
    }
    assert found.marts["orders"].is_equal
    assert not found.rows["orders"]


def test_another_release_has_other_columns(compared):
    """After an upgrade nothing can be compared with the version before it."""
    found = compared("ALTER TABLE orders ADD COLUMN store VARCHAR; DROP TABLE customer_id_changes")
    assert found.marts["orders"].columns_added == ("store",)
    assert found.marts["customer_id_changes"].rows_now is None
    assert not found.rows["orders"]


def test_a_damaged_version_is_said(compared, tmp_path):
    """A version of which half is left ends the comparison in a stack trace."""
    compared("")
    (tmp_path / "before" / "manifest.json").write_text("{")
    with pytest.raises(HourglassError, match="hourglass versions"):
        compare_versions(tmp_path / "before", tmp_path / "now")


def test_each_version_says_what_changed_since_the_last(put_out, settings):
    """The report cannot say what is new since yesterday."""
    first = put_out(1)
    second = put_out(2)
    manifest = json.loads((second.published / "manifest.json").read_text())
    assert json.loads((first.published / "manifest.json").read_text())["comparison"] is None
    assert manifest["comparison"]["before"] == first.name
    [change] = manifest["comparison"]["rows"]["customers"]
    assert (change["kind"], change["count"], change["columns"]) == ("changed", 20, ["stamp"])
