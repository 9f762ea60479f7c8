"""One day more against everything: the models over N customers, then with another day's records.

The shop is that of :mod:`tests.bench.shop`, three years of it in raw tables, a file a month; the
last day lies aside. ``first``: every model, in a warehouse that has none. The day: the last day's
file comes and ``as_of`` moves on. ``whole``: the same inputs again, with nothing to go on from.
What the day and ``whole`` leave must be equal, table by table. ``straight``: the compiled SQL of
all models, as one script in one connection. Load, identity, publish and all predictions but the
Markov chain, which moves with the day, are not in it. The figures go to docs/benchmarks.md.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from dagster_project.contracts import load_contract
from dagster_project.predict.journeys.markov import write_removal_effects
from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.transform.increments import create_increment_tables, forget_increments
from dagster_project.warehouse import connect, identifier
from tests.bench import marts
from tests.bench.pipeline import Measured, measure, straight_sql
from tests.bench.shop_draw import AS_OF

# The last full day of the shop: its draws end with the day before as_of.
LAST = f"(DATE '{AS_OF}' - 1)"
SCHEMAS = ("staging", "intermediate", "marts", "restricted")
SHOWN = 14
PAGE = PROJECT_ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench ARGS=day` (`DAY_CUSTOMERS` sets the size; each size keeps its own section). A
generated shop of three years: all models in a warehouse that has none (first), then with another
day's records (the day), then the day's inputs again with nothing to go on from (whole). Straight
is the same compiled SQL as one script in one DuckDB connection, without dbt, contracts and states.
Load, identity, publish and all predictions but the Markov chain are not in it. Seconds of a model
are those that dbt counts: the day's, then the whole's. Processor seconds say what a machine with
other work on it cost, too.
"""


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
        # Of the journeys before the day: what counts is that the chain moves.
        write_removal_effects(con)
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
        warehouse = Settings(data_dir=folder).warehouse_path
        straight, straight_used = straight_sql(warehouse, folder / "target", folder)
    ours, theirs = sum(by_model.values()), sum(in_full.values())
    rows = [
        ("records of the day", f"{records:,}"),
        ("all models, first", _shown(first)),
        ("all models, whole", _shown(whole)),
        ("all models, straight", f"{straight:.1f} s, {straight_used:.1f} s of processors"),
        ("the day", _shown(day)),
        ("the day / whole", f"{day.processor_seconds / whole.processor_seconds:.2f} of processors"),
        ("the day / straight", f"{day.processor_seconds / straight_used:.2f} of processors"),
        ("in the models", f"{ours:.1f} s / {theirs:.1f} s whole = {ours / theirs:.2f}"),
        ("tables that differ", ", ".join(differing) or "none"),
        *_by_model(by_model, in_full, ways),
    ]
    write_page(PAGE, customers, rows)
    return [(f"A day more, {customers:,} customers: {what}", figure) for what, figure in rows]


def _shown(measured: Measured) -> str:
    return (
        f"{measured.seconds:.1f} s, {measured.processor_seconds:.1f} s of processors, "
        f"peak {measured.peak_mb:,.0f} MB"
    )


def _by_model(
    day: Mapping[str, float], whole: Mapping[str, float], ways: Mapping[str, str]
) -> Iterable[tuple[str, str]]:
    slowest = sorted(day, key=day.__getitem__, reverse=True)
    for model in [*slowest[:SHOWN], *(m for m in slowest[SHOWN:] if m in ways and whole[m] > 1)]:
        yield (
            model,
            f"{day[model]:.2f} s / {whole.get(model, 0):.2f} s ({ways.get(model, 'always whole')})",
        )


def write_page(page: Path, customers: int, rows: Iterable[tuple[str, str]]) -> None:
    """Put the figures of this size in their section of the page; other sizes keep theirs."""
    sections = {}
    if page.exists():
        for section in page.read_text(encoding="utf-8").split("\n## ")[1:]:
            size = int(re.sub(r"\D", "", section.partition("\n")[0]))
            sections[size] = f"## {section.strip()}"
    table = "\n".join(f"| {what} | {figure} |" for what, figure in rows)
    sections[customers] = (
        f"## {customers:,} customers\n\n{machine()}\n\n| what | figure |\n| --- | --- |\n{table}"
    )
    text = "\n\n".join([HEAD.strip(), *(sections[size] for size in sorted(sections))])
    page.write_text(text + "\n", encoding="utf-8")


def machine() -> str:
    """Of which code the figures are, and on what."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[2]
    return (
        f"Commit {commit or 'unknown'}; {os.cpu_count()} processors ({platform.machine()}), "
        f"{memory:.0f} GB; DuckDB {duckdb.__version__}; load of the last quarter of an hour "
        f"{load:.1f}."
    )


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
