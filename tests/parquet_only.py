"""Marts that are Parquet alone, made of a published folder apart from the code under test."""

import json
from collections.abc import Iterable
from pathlib import Path

import duckdb


def move_to_parquet(folder: Path, marts: Iterable[str] | None = None) -> None:
    """Take ``marts`` (None: all) out of the version's marts.duckdb, into parquet/ alone."""
    (folder / "parquet").mkdir(exist_ok=True)
    with duckdb.connect(str(folder / "marts.duckdb")) as con:
        present = con.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall()
        for mart, comment in present:
            if marts is not None and mart not in marts:
                continue
            said = con.execute(
                "SELECT column_name, comment FROM duckdb_columns() "
                "WHERE table_name = ? AND comment IS NOT NULL",
                [mart],
            ).fetchall()
            file = folder / "parquet" / f"{mart}.parquet"
            file.unlink(missing_ok=True)
            path, description, columns = (
                text.replace("'", "''")
                for text in (str(file), comment or "", json.dumps(dict(said)))
            )
            con.execute(
                f"COPY {mart} TO '{path}' (FORMAT parquet, KV_METADATA "
                f"{{description: '{description}', columns: '{columns}'}})"
            )
            con.execute(f"DROP TABLE {mart}")
