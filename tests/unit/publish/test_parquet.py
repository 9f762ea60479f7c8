"""Readers of single Parquet files learn from the file what its columns are."""

import json

import duckdb
import pyarrow.parquet as pq

from dagster_project.publish.writing import write_parquet


def test_descriptions_go_with_the_file(tmp_path):
    """An analyst gets one file by mail, and guesses what net revenue is."""
    said = {None: "Orders, 'net'.", "amount": "In the reporting currency; a {brace}.", "ж": "Имя"}
    with duckdb.connect() as con:
        con.execute("CREATE TABLE orders AS SELECT 1.50::DECIMAL(18, 2) AS amount, 'x' AS \"ж\"")
        write_parquet(con, "orders", tmp_path / "orders.parquet", said)
    metadata = pq.read_schema(tmp_path / "orders.parquet").metadata
    assert metadata[b"description"].decode() == said[None]
    columns = json.loads(metadata[b"columns"])
    assert columns == {name: text for name, text in said.items() if name}
    assert pq.read_table(tmp_path / "orders.parquet").to_pylist()[0]["amount"].as_tuple()[2] == -2
