"""Columns of text through format inference and casting, without files or tables."""

from dataclasses import dataclass, field
from typing import Any

import duckdb

from dagster_project.contracts import DUCKDB_TYPES, SourceSettings
from dagster_project.load.ingest.batch_validation import infer_batch_formats
from dagster_project.load.reading.header_matching import Field
from dagster_project.load.validation.record_rules import RecordSchema


@dataclass
class _Delivery:
    unpacked_bytes: int = 0


@dataclass
class _Unit:
    delivery: _Delivery = field(default_factory=_Delivery)
    column_formats: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def cast_columns(
    con: duckdb.DuckDBPyConnection,
    columns: list[list[str | None]],
    kind: str,
    *,
    time_zone: str = "UTC",
    **settings: Any,
) -> list[list[Any]]:
    """The values of ``columns``, each the one column of a file, as a contract's type ``kind``."""
    import pyarrow as pa

    cells = [
        (text, file, line) for file, texts in enumerate(columns) for line, text in enumerate(texts)
    ]
    texts, files, lines = (list(column) for column in zip(*cells, strict=True))
    con.register("texts_in", pa.table({"c0": texts, "_file": files, "_line": lines}))
    con.execute("CREATE OR REPLACE TEMP TABLE texts AS SELECT * FROM texts_in")
    con.unregister("texts_in")
    base = "(SELECT *, _line AS _row FROM texts)"
    schema = RecordSchema([Field("value", kind)], {"value": 0}, time_zone)
    units = [_Unit() for _ in columns]
    groups, _, _ = infer_batch_formats(con, base, units, schema, SourceSettings(**settings))
    values: dict[int, list[Any]] = {}
    for group in groups:
        validated = group.validated
        for file, value in con.execute(
            f"SELECT _file, CAST({validated.values['value']} AS {DUCKDB_TYPES[kind]}) "
            f"FROM {validated.relation} ORDER BY _file, _line"
        ).fetchall():
            values.setdefault(file, []).append(value)
    return [values[file] for file in range(len(columns))]


def cast_column(
    con: duckdb.DuckDBPyConnection, texts: list[str | None], kind: str, **arguments: Any
) -> list[Any]:
    """The values of ``texts``, the one column of one file."""
    return cast_columns(con, [texts], kind, **arguments)[0]
