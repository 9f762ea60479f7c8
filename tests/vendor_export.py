"""Vendors' exports, as in ``tests/vendor_exports/<mapping>/``, through the real load path.

A file there was written by hand from the vendor's documentation; its people are invented. The rows
that it gives are in ``rows/<system>.<table>.csv``, with the columns that any row has a value in.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.contracts.mapping import load_mappings
from dagster_project.load import LoadSummary, load_landing
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file

EXPORTS = Path(__file__).parent / "vendor_exports"

Deliver = Callable[..., "Delivered"]


@dataclass(frozen=True)
class Delivered:
    """What became of the files of one mapping."""

    con: duckdb.DuckDBPyConnection
    summary: LoadSummary

    def rows(self, table: str) -> list[dict[str, str]]:
        """The table's rows, in the order of their values: each column that has one, as text."""
        names = [
            name
            for (name,) in self.con.execute(
                "SELECT column_name FROM duckdb_columns() WHERE schema_name || '.' || table_name "
                "= ? AND column_name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY column_index",
                [table],
            ).fetchall()
        ]
        values = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in names)
        found = self.con.execute(f"SELECT {values} FROM {table} ORDER BY ALL").fetchall()
        return [
            {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for row in found
        ]

    @property
    def tables(self) -> dict[str, list[dict[str, str]]]:
        """The rows of every table that has some."""
        names = self.con.execute(
            "SELECT DISTINCT system || '.' || table_name FROM ledger.file_tables ORDER BY 1"
        ).fetchall()
        return {name: rows for (name,) in names if (rows := self.rows(name))}

    @property
    def accounting(self) -> tuple[int, int, int, dict[str, int]]:
        """(records, accepted, quarantined, left out by rule); P1 holds for every file."""
        uneven = self.con.execute(
            "SELECT path FROM ledger.files WHERE records <> accepted + quarantined + left_out"
        ).fetchall()
        assert uneven == []
        rules = self.con.execute(
            "SELECT rule, CAST(sum(records) AS BIGINT) FROM ledger.left_out GROUP BY 1"
        ).fetchall()
        whole = self.summary
        return whole.records, whole.accepted, whole.quarantined, dict(rules)

    @property
    def refused(self) -> list[tuple[Any, ...]]:
        """(line, column, reason) of every record and cell in quarantine."""
        return self.con.execute(
            "SELECT line, column_name, reason FROM ledger.quarantine ORDER BY ALL"
        ).fetchall()


def expected_tables(mapping: str) -> dict[str, list[dict[str, str]]]:
    """The rows that a mapping's example files give, by table, in the order of their values."""
    found = {}
    for path in sorted((EXPORTS / mapping / "rows").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]
        found[path.stem] = rows
    return found


def deliverer(folder: Path) -> Deliver:
    """A function that loads files of a mapping (default: its examples) into memory."""

    def deliver(mapping: str, *files: Path, **settings: Any) -> Delivered:
        landing = folder / "landing" / mapping
        landing.mkdir(parents=True)
        examples = (path for path in (EXPORTS / mapping).iterdir() if path.is_file())
        for file in files or sorted(examples):
            (landing / file.name).write_bytes(file.read_bytes())
        con = connect_file(":memory:", allowed_dirs=[folder], threads=2, keep_order=True)
        own = {name: found for name, found in load_mappings().items() if name == mapping}
        summary = load_landing(
            con, Settings(data_dir=folder, **settings), run_id="test", mappings=own
        )
        return Delivered(con, summary)

    return deliver
