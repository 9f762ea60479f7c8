"""One day more against everything: the models over N customers, then with another day's records.

The shop is that of :mod:`tests.bench.shop`, three years of it in raw tables, a file a month; the
last day lies aside. ``first``: every model, in a warehouse that has none. The day: the last day's
file comes and ``as_of`` moves on. ``whole``: the same inputs again, with nothing to go on from.
What the day and ``whole`` leave must be equal, table by table. Load, identity, predictions and
publish are not in it.
"""

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from dagster_project.contracts import load_contract
from dagster_project.settings import Settings
from dagster_project.transform.increments import create_increment_tables, forget_increments
from dagster_project.warehouse import connect, identifier
from tests.bench import marts
from tests.bench.pipeline import Measured, measure
from tests.bench.shop_draw import AS_OF

# The last full day of the shop: its draws end with the day before as_of.
LAST = f"(DATE '{AS_OF}' - 1)"
SCHEMAS = ("staging", "intermediate", "marts", "restricted")
SHOWN = 14


def make(folder: Path, customers: int) -> None:
    """The warehouse with all but the last day in its raw tables, and no model built."""
    marts.make(folder, customers)
    with connect(Settings(data_dir=folder)) as con:
        con.execute("CREATE SCHEMA later")
        for name, system in load_contract().items():
            for table in system.tables.values():
                _to_raw(con, name, table.name, table.dated_by)
        for schema in SCHEMAS:
            con.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        create_increment_tables(con)
        forget_increments(con)
        con.execute("UPDATE control.parameters SET as_of = as_of - 2")


def _to_raw(con: duckdb.DuckDBPyConnection, system: str, table: str, dated_by: str | None) -> None:
    """Move a staged table to its raw table; what is of the last day to ``later``."""
    raw, staged = f"{system}.{table}", f"staging.stg_{system}__{table}"
    when = f"CAST({dated_by} AS DATE)" if dated_by else "DATE '2023-07-01'"
    if raw == "shop.order_lines":
        when = "CAST(o.ordered_at AS DATE)"
        staged = f"{staged} AS s LEFT JOIN staging.stg_shop__orders AS o USING (order_id)"
    rows = (
        f"SELECT {'s.*' if ' AS s' in staged else '*'}, "
        f"'{raw} ' || date_trunc('month', {when}) AS _file_hash, "
        "row_number() OVER () AS _line, "
        f"CAST(date_trunc('month', {when}) AS DATE) AS _delivered_on, "
        f"'{raw}' AS _source, coalesce({when}, DATE '2023-07-01') AS of_day FROM {staged}"
    )
    con.execute(
        f"INSERT INTO {raw} BY NAME SELECT * EXCLUDE (of_day) FROM ({rows}) WHERE of_day < {LAST}"
    )
    con.execute(
        f'CREATE TABLE later."{raw}" AS SELECT * EXCLUDE (of_day) '
        f"REPLACE ('{raw} last' AS _file_hash, {LAST} AS _delivered_on) "
        f"FROM ({rows}) WHERE of_day >= {LAST}"
    )


def deliver(folder: Path) -> int:
    """The last day comes: its number of records."""
    records = 0
    with connect(Settings(data_dir=folder)) as con:
        for (name,) in con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'later'"
        ).fetchall():
            row = con.execute(
                f"INSERT INTO {name} BY NAME SELECT * FROM later.{identifier(name)}"
            ).fetchone()
            records += row[0] if row else 0
        con.execute("UPDATE control.parameters SET as_of = as_of + 1")
    return records


def forget(folder: Path) -> None:
    """Nothing to go on from."""
    with connect(Settings(data_dir=folder)) as con:
        forget_increments(con)


def fingerprints(folder: Path) -> dict[str, tuple[int, int]]:
    """Rows and an order-independent hash of each table; doubles to 6 digits after the point."""
    found = {}
    with connect(Settings(data_dir=folder)) as con:
        for schema, name in con.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() "
            "WHERE list_contains(?, schema_name)",
            [list(SCHEMAS)],
        ).fetchall():
            relation = f"{identifier(schema)}.{identifier(name)}"
            columns = [
                f"round({identifier(column)}, 6) + 0.0" if kind == "DOUBLE" else identifier(column)
                for column, kind, *_ in con.execute(f"DESCRIBE {relation}").fetchall()
            ]
            row = con.execute(
                f"SELECT count(*), sum(CAST(hash({', '.join(columns)}) AS HUGEINT)) FROM {relation}"
            ).fetchone()
            found[f"{schema}.{name}"] = row or (0, 0)
    return found


def models(folder: Path) -> tuple[Measured, dict[str, float], dict[str, str]]:
    """One call of dbt for all models: as a whole, seconds of each, and how each was built."""
    whole = marts._dbt(folder, "run")
    results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    seconds = {r["unique_id"].rpartition(".")[2]: r["execution_time"] for r in results}
    with connect(Settings(data_dir=folder)) as con:
        ways = dict(con.execute("SELECT model, way FROM increment.states").fetchall())
    return whole, seconds, ways


def bench(customers: int) -> Iterable[tuple[str, str]]:
    """Rows (what, figure): all, a day more, the same whole, and by model what the day cost."""
    what = f"A day more, {customers:,} customers"
    with tempfile.TemporaryDirectory(prefix="hourglass-day-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "tests.bench.day", name, str(customers)]
        measure(command, shown=True)
        first, _, _ = models(folder)
        records = deliver(folder)
        day, by_model, ways = models(folder)
        left = fingerprints(folder)
        forget(folder)
        whole, in_full, _ = models(folder)
        differing = sorted(k for k, v in fingerprints(folder).items() if left.get(k) != v)
    ours, theirs = sum(by_model.values()), sum(in_full.values())
    yield f"{what}: records of the day", f"{records:,}"
    yield f"{what}: all models, first", f"{first.seconds:.1f} s, peak {first.peak_mb:,.0f} MB"
    yield f"{what}: all models, whole", f"{whole.seconds:.1f} s, peak {whole.peak_mb:,.0f} MB"
    yield f"{what}: the day", f"{day.seconds:.1f} s, peak {day.peak_mb:,.0f} MB"
    yield f"{what}: in the models", f"{ours:.1f} s / {theirs:.1f} s whole = {ours / theirs:.2f}"
    yield f"{what}: tables that differ", ", ".join(differing) or "none"
    yield from _by_model(what, by_model, in_full, ways)


def _by_model(
    what: str, day: Mapping[str, float], whole: Mapping[str, float], ways: Mapping[str, str]
) -> Iterable[tuple[str, str]]:
    slowest = sorted(day, key=day.__getitem__, reverse=True)
    for model in [*slowest[:SHOWN], *(m for m in slowest[SHOWN:] if m in ways and whole[m] > 1)]:
        yield (
            f"{what}: {model}",
            f"{day[model]:.2f} s / {whole.get(model, 0):.2f} s ({ways.get(model, 'always whole')})",
        )


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
