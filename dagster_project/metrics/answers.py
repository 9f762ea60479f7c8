"""Metric answers: a metric's value in one published version, what it stands on, what changed.

Reads a version's marts.duckdb and manifest only; what moved a number between two versions is told
from their metrics and manifests, down to the dimension values that moved it most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.metrics.compilation import compile_metric, rows_behind
from dagster_project.metrics.definitions import Metric, Metrics

# Dimension values that are told when a number differs between two versions.
MOST_CHANGES = 5


@dataclass(frozen=True)
class Answer:
    """A metric in one version: rows of (dimensions..., value), the SQL, rows behind it by mart."""

    metric: Metric
    sql: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    behind: Mapping[str, int]


def answer(
    con: duckdb.DuckDBPyConnection,
    metrics: Metrics,
    name: str,
    *,
    by: Sequence[str] = (),
    where: Sequence[str] = (),
) -> Answer:
    """The metric ``name`` on ``con``, a connection to a version's marts.

    Raises UsageError for an unknown name, HourglassError when the version lacks a mart of it.
    """
    sql = compile_metric(metrics, name, by, where)
    try:
        rows = con.execute(sql).fetchall()
        counts = rows_behind(metrics, name, where)
        behind = {mart: _one(con, text) for mart, text in counts.items()}
    except duckdb.CatalogException:
        marts = ", ".join(metrics.marts(metrics.metric(name)))
        raise HourglassError(
            f"This version does not have what {name} reads: {marts}. Name another with --as-of."
        ) from None
    except (duckdb.BinderException, duckdb.ConversionException) as error:
        raise HourglassError(
            f"{name} cannot be computed with {' and '.join(where) or 'these marts'}: a value does "
            f"not fit its dimension ({type(error).__name__}). Dates are written date '2026-01-31'."
        ) from None
    return Answer(metrics.metric(name), sql, (*by, "value"), rows, behind)


def changes(
    now: duckdb.DuckDBPyConnection,
    before: duckdb.DuckDBPyConnection,
    metrics: Metrics,
    name: str,
    *,
    where: Sequence[str] = (),
) -> list[tuple[str, Any, float, float]]:
    """What moved a metric most between two versions: (dimension, value, before, now).

    Of metrics that add up only; a ratio's parts are told apart by whoever asks for them.
    """
    found = []
    for dimension in metrics.dimensions(metrics.metric(name)):
        if dimension == "day":
            continue
        new = dict(answer(now, metrics, name, by=[dimension], where=where).rows)
        old = dict(answer(before, metrics, name, by=[dimension], where=where).rows)
        for value in new.keys() | old.keys():
            one, other = float(old.get(value) or 0), float(new.get(value) or 0)
            if one != other:
                found.append((dimension, value, one, other))
    found.sort(key=lambda change: (-abs(change[3] - change[2]), change[0], str(change[1])))
    return found[:MOST_CHANGES]


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
