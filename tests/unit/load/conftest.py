"""A landing folder and a throw-away warehouse in memory."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.contracts.mapping import Mapping
from dagster_project.load import LoadSummary, load_landing
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file

# Takes any table: every cell is kept in _extra.
PERMISSIVE = Mapping.model_validate(
    {
        "mapping": "anything",
        "description": "Takes any table.",
        "reference": "none",
        "tables": {"crm.contacts": {"columns": {"contact_id": "concat('row-', line_number())"}}},
    }
)


@dataclass
class Landing:
    """Files go in by ``put``; ``load`` loads them; ``query`` looks at what became of them."""

    settings: Settings
    con: duckdb.DuckDBPyConnection

    def put(self, name: str, content: bytes | str) -> Path:
        path = self.settings.landing_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def load(self, **arguments: Any) -> LoadSummary:
        summary = load_landing(self.con, self.settings, run_id="test", **arguments)
        self.check_accounting()
        return summary

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.con.execute(sql).fetchall()

    def check_accounting(self) -> None:
        """P1, from the ledger and from the raw tables themselves."""
        assert (
            self.query(
                "SELECT path FROM ledger.files "
                "WHERE records <> accepted + quarantined + left_out + erased"
            )
            == []
        )
        assert (
            self.query(
                "SELECT f.path FROM ledger.files f WHERE f.quarantined <> (SELECT count(*) "
                "FROM ledger.quarantine q WHERE q.file_hash = f.file_hash AND q.target = f.target "
                "AND q.level <> 'cell')"
            )
            == []
        )
        for system, table, rows in self.query(
            "SELECT system, table_name, sum(rows) FROM ledger.file_tables GROUP BY ALL"
        ):
            assert self.query(f"SELECT count(*) FROM {system}.{table}") == [(rows,)]

    def extras(self) -> list[dict[str, str]]:
        """Cells of a file that was read by the permissive mapping, in file order."""
        rows = self.query("SELECT _extra FROM crm.contacts ORDER BY _line, contact_id")
        return [json.loads(row[0]) if row[0] else {} for row in rows]


@pytest.fixture
def make_landing(tmp_path) -> Callable[..., Landing]:
    def make(name: str = "data", **settings: Any) -> Landing:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "landing").mkdir()
        con = connect_file(":memory:", allowed_dirs=[folder], threads=2, keep_order=True)
        return Landing(Settings(data_dir=folder, **settings), con)

    return make


@pytest.fixture
def landing(make_landing) -> Landing:
    return make_landing()
