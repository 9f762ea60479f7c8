"""Files in vendors' documented formats, and what the load makes of them through their mapping."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tests.vendor_export import EXPORTS as VENDOR_EXPORTS
from tests.vendor_export import deliverer

__all__ = ["VENDOR_EXPORTS", "Loaded", "load_export"]
_META = ("_file_hash", "_line", "_delivered_on", "_extra")


@dataclass
class Loaded:
    """What became of one or more files. ``quarantined`` has (line, column, reason) by line."""

    con: duckdb.DuckDBPyConnection

    def rows(self, table: str, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Rows in file order, their values that are not NULL; ``without`` some columns."""
        cursor = self.con.execute(f"SELECT * FROM {table} ORDER BY _delivered_on, _line, rowid")
        names = [column[0] for column in cursor.description]
        return [
            {
                name: value
                for name, value in zip(names, row, strict=True)
                if value is not None and name not in (*_META, *without)
            }
            for row in cursor.fetchall()
        ]

    @property
    def tables(self) -> set[str]:
        """The tables that got rows."""
        found = self.con.execute("SELECT system || '.' || table_name FROM ledger.file_tables")
        return {name for (name,) in found.fetchall()}

    @property
    def left_out(self) -> dict[str, int]:
        return dict(
            self.con.execute("SELECT rule, sum(records) FROM ledger.left_out GROUP BY 1").fetchall()
        )

    @property
    def quarantined(self) -> list[tuple[int, str | None, str]]:
        return self.con.execute(
            "SELECT line, column_name, reason FROM ledger.quarantine WHERE level <> 'cell' "
            "ORDER BY path, line"
        ).fetchall()

    @property
    def nulled(self) -> list[tuple[int, str]]:
        return self.con.execute(
            "SELECT line, column_name FROM ledger.quarantine WHERE level = 'cell' "
            "ORDER BY path, line, column_name"
        ).fetchall()

    @property
    def records(self) -> int:
        return self.con.execute("SELECT sum(records) FROM ledger.files").fetchall()[0][0]

    @property
    def accepted(self) -> int:
        return self.con.execute("SELECT sum(accepted) FROM ledger.files").fetchall()[0][0]


def load_export(folder: Path, mapping: str, *files: Path) -> Loaded:
    """Load ``files`` (default: the mapping's examples) as delivered, and check the accounting."""
    loaded = Loaded(deliverer(folder)(mapping, *files).con)
    assert loaded.accepted + len(loaded.quarantined) + sum(loaded.left_out.values()) == (
        loaded.records
    )
    return loaded
