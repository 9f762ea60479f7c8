"""When these fail, a spreadsheet shows other numbers than the mart, or runs what somebody typed."""

import csv
import json
from datetime import date, datetime
from decimal import Decimal

import duckdb
import pytest
from python_calamine import CalamineWorkbook

from dagster_project.errors import UsageError
from dagster_project.report.mart_files import write_mart


@pytest.fixture
def mart():
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE orders (order_id VARCHAR, net_revenue DECIMAL(18, 2), is_sale BOOLEAN, "
            "order_date DATE, ordered_at TIMESTAMP, share DOUBLE, n BIGINT)"
        )
        con.execute("COMMENT ON COLUMN orders.net_revenue IS 'Net of refunds'")
        con.execute(
            "INSERT INTO orders VALUES "
            "('=cmd|calc', 1234.50, true, '2026-06-30', '2026-06-30 10:20:30', 0.25, 7), "
            "('a,\"b\"\nc', 9999999999999999.99, false, '1700-01-01', NULL, 'nan', NULL)"
        )
        yield con


def test_csv_holds_every_cell(mart, tmp_path):
    """A report in Power BI is built on rounded amounts, or on dates of another order."""
    path = write_mart(mart, "orders", tmp_path, "csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert first["order_id"] == "'=cmd|calc"
    assert Decimal(first["net_revenue"]) == Decimal("1234.50")
    assert (first["is_sale"], first["order_date"]) == ("true", "2026-06-30")
    assert first["ordered_at"] == "2026-06-30 10:20:30"
    assert second["net_revenue"] == "9999999999999999.99"
    assert (second["order_id"], second["ordered_at"], second["n"]) == ('a,"b"\nc', "", "")
    said = json.loads((tmp_path / "orders.columns.json").read_text())["columns"]
    assert said[1] == {
        "name": "net_revenue",
        "type": "DECIMAL(18,2)",
        "description": "Net of refunds",
    }


def test_a_workbook_has_typed_cells(mart, tmp_path):
    """Excel sorts amounts as texts, adds none of them, or runs a formula that somebody typed."""
    path = write_mart(mart, "orders", tmp_path, "xlsx")
    book = CalamineWorkbook.from_path(str(path))
    _, first, second = book.get_sheet_by_name("orders").to_python()
    assert first == [
        *("=cmd|calc", 1234.5, True, date(2026, 6, 30)),
        *(datetime(2026, 6, 30, 10, 20, 30), 0.25, 7.0),
    ]
    # More digits than Excel keeps, days before its calendar, and what is no number, are texts.
    assert second[1] == "9999999999999999.99"
    assert second[3] == "1700-01-01"
    assert second[5] == "nan"
    assert "<f>" not in path.read_bytes().decode("latin-1")
    described = book.get_sheet_by_name("columns").to_python()
    assert described[2] == ["net_revenue", "DECIMAL(18,2)", "Net of refunds"]


def test_an_unknown_mart_is_named(mart, tmp_path):
    """A slip in a name ends in a stack trace, or writes an empty file."""
    with pytest.raises(UsageError, match="no mart order"):
        write_mart(mart, "order", tmp_path, "csv")
    assert not list(tmp_path.iterdir())
