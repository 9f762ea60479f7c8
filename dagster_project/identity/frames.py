"""Numpy arrays as DuckDB tables, without a file and without replacement scans."""

import duckdb
import numpy as np
import pyarrow as pa


def create_table(
    con: duckdb.DuckDBPyConnection,
    name: str,
    columns: dict[str, np.ndarray | list | pa.Array | pa.ChunkedArray],
) -> None:
    """Create or replace the temporary table ``name`` with these columns of equal length."""
    con.register("id_incoming", pa.table(columns))
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM id_incoming")
    con.unregister("id_incoming")
