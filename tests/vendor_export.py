"""Vendors' exports, as in ``tests/vendor_exports/<mapping>/``, through the real load path.

A file there was written by hand from the vendor's documentation; its people are invented. The rows
that it gives are in ``rows/<system>.<table>.csv``, with the columns that any row has a value in;
``outcome.yml`` says how many records there are, which rules leave some out, what is refused as
[line, column, reason], and which columns no table takes (docs/vendors.md tells them from there).
After a wanted change UPDATE_SNAPSHOTS=1 writes both anew, to be reviewed.
"""

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from dagster_project.contracts.mapping import load_mappings
from dagster_project.load import LoadSummary, load_landing
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file

EXPORTS = Path(__file__).parent / "vendor_exports"
OUTCOME = "outcome.yml"

Deliver = Callable[..., "Delivered"]


@dataclass(frozen=True)
class Delivered:
    """What became of the files of one mapping."""

    con: duckdb.DuckDBPyConnection
    summary: LoadSummary

    def columns(self, table: str) -> list[str]:
        """The contract's columns of a raw table."""
        described = self.con.execute(f"DESCRIBE {table}").fetchall()
        return [name for name, *_ in described if not name.startswith("_")]

    def rows(self, table: str) -> list[dict[str, str]]:
        """The table's rows, in the order of their values: each column that has one, as text."""
        names = self.columns(table)
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
    def outcome(self) -> dict[str, Any]:
        """Records, those accepted, those left out by rule, (line, column, reason) of what is in
        quarantine, single cells included, and the columns not read. P1 holds for every file.
        """
        uneven = self.con.execute(
            "SELECT path FROM ledger.files WHERE records <> accepted + quarantined + left_out"
        ).fetchall()
        assert uneven == []
        rules = self.con.execute(
            "SELECT rule, CAST(sum(records) AS BIGINT) FROM ledger.left_out GROUP BY 1 ORDER BY 1"
        ).fetchall()
        return {
            "records": self.summary.records,
            "accepted": self.summary.accepted,
            "left_out": dict(rules),
            "refused": [list(row) for row in self.refused],
            "not_read": self.not_read,
        }

    @property
    def not_read(self) -> list[str]:
        """Columns that are kept beside the rows, in the order of the files.

        Without what only holds others: of ``billing`` an empty one stands for ``billing.city``.
        """
        events = self.con.execute(
            "SELECT column_name, target FROM ledger.schema_events "
            "WHERE kind = 'unknown_column' AND column_name IS NOT NULL ORDER BY rowid"
        ).fetchall()
        known = load_mappings()
        names = {name: known[target] for name, target in events}
        inner = {*names, *(column for mapping in names.values() for column in mapping.columns)}
        return [name for name in names if not any(o.startswith(f"{name}.") for o in inner)]

    @property
    def refused(self) -> list[tuple[Any, ...]]:
        """(line, column, reason) of every record and cell in quarantine."""
        return self.con.execute(
            "SELECT line, column_name, reason FROM ledger.quarantine ORDER BY ALL"
        ).fetchall()

    def write_expected(self, mapping: str) -> None:
        """Make what became of the examples what is expected of them."""
        rows = EXPORTS / mapping / "rows"
        shutil.rmtree(rows, ignore_errors=True)
        rows.mkdir()
        for table, found in self.tables.items():
            seen = {name for row in found for name in row}
            header = [name for name in self.columns(table) if name in seen]
            with (rows / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, header, lineterminator="\n")
                writer.writeheader()
                writer.writerows(found)
        text = yaml.safe_dump(self.outcome, sort_keys=False, allow_unicode=True)
        (EXPORTS / mapping / OUTCOME).write_text(text, encoding="utf-8")


def examples(mapping: str) -> list[Path]:
    """The files of a mapping's export."""
    files = (path for path in (EXPORTS / mapping).iterdir() if path.is_file())
    return sorted(path for path in files if path.name != OUTCOME)


def expected_outcome(mapping: str) -> dict[str, Any]:
    """What becomes of a mapping's examples, as ``Delivered.outcome`` tells it."""
    return yaml.safe_load((EXPORTS / mapping / OUTCOME).read_text(encoding="utf-8"))


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
        for file in files or examples(mapping):
            (landing / file.name).write_bytes(file.read_bytes())
        con = connect_file(":memory:", allowed_dirs=[folder], threads=2, keep_order=True)
        own = {name: found for name, found in load_mappings().items() if name == mapping}
        summary = load_landing(
            con, Settings(data_dir=folder, **settings), run_id="test", mappings=own
        )
        return Delivered(con, summary)

    return deliver
