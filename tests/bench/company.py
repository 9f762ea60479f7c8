"""The whole run of a simulated company: everything, then a day more, a hundred records, one erasure.

``hourglass run`` as a person starts it, from files in landing/ to the report. The last day of two
years lies aside, and of it the last records. ``full``: a first run over the rest. ``day``: the
day's files come. ``batch``: a hundred records, as the sensor sees them every quarter of an hour.
``nothing``: no file is new. ``erasure``: one person asks to be forgotten.
"""

import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import duckdb

from dagster_project.contracts import load_contract
from dagster_project.contracts.model import Table
from dagster_project.warehouse import quoted
from tests.bench.pipeline import Measured, measure

# The last day of the simulated company.
LAST = "2026-06-30"
BATCH = 100
# What a batch is taken from: the records of it that come by the minute.
BATCH_TABLES = ("shop.web_events", "shop.orders", "marketing.messages")
CLI = [sys.executable, "-m", "dagster_project.cli"]


def split(source: Path, landing: Path) -> int:
    """Write everything before the last day to ``landing``, the rest beside it to ``day`` and
    ``batch``: the number of the day's records. Requests of erasure stay out.
    """
    records = 0
    con = duckdb.connect()
    con.execute("SET memory_limit = '4GB'")
    for system, contract in load_contract().items():
        for table in contract.tables.values():
            file = source / system / f"{table.name}.csv.gz"
            if file.exists() and table.name != "erasure_requests":
                records += _split_table(con, file, f"{system}.{table.name}", table, landing.parent)
    con.close()
    return records


def _split_table(
    con: duckdb.DuckDBPyConnection, file: Path, name: str, table: Table, folder: Path
) -> int:
    system, _, short = name.partition(".")
    when = f"s.{table.dated_by}" if table.dated_by else "''"
    join = ""
    if short == "order_lines":
        when, join = "o.ordered_at", "LEFT JOIN order_days AS o USING (order_id)"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE split AS SELECT s.*, coalesce({when}, '') AS _when "
        f"FROM read_csv({quoted(str(file))}, all_varchar = true, header = true) AS s {join}"
    )
    if short == "orders":
        con.execute(
            "CREATE TEMP TABLE order_days AS "
            "SELECT order_id, max(ordered_at) AS ordered_at FROM split GROUP BY 1"
        )
    in_batch = f"_when >= {quoted(LAST)} AND _rank <= {BATCH // len(BATCH_TABLES)}"
    if name not in BATCH_TABLES:
        in_batch = "false"
    records = 0
    for part, condition in (
        ("landing", f"_when < {quoted(LAST)}"),
        ("day", f"_when >= {quoted(LAST)} AND NOT ({in_batch})"),
        ("batch", in_batch),
    ):
        out = folder / part / system / f"{short}{'' if part == 'landing' else f'_{part}'}.csv"
        out.parent.mkdir(parents=True, exist_ok=True)
        row = con.execute(
            "COPY (SELECT * EXCLUDE (_when, _rank) FROM "
            "(SELECT *, row_number() OVER (ORDER BY _when DESC) AS _rank FROM split) "
            f"WHERE {condition}) TO {quoted(str(out))} (HEADER)"
        ).fetchone()
        if row and row[0] and part != "landing":
            records += row[0]
        elif not (row and row[0]):
            out.unlink()
    return records


def bench(customers: int) -> Iterable[tuple[str, str]]:
    """Rows (what, figure): each run as a whole and by stage, and its ratio to the full run."""
    with tempfile.TemporaryDirectory(prefix="hourglass-company-") as name:
        folder = Path(name)
        measure([*CLI, "sample", "--out", f"{name}/made", "--customers", str(customers)])
        records = split(folder / "made" / "landing", folder / "data" / "landing")
        yield f"Company, {customers:,} people: records of the last day", f"{records:,}"
        full = _run(folder)
        yield from _rows(customers, "full", full, full)
        for part in ("day", "batch"):
            _deliver(folder, part)
            yield from _rows(customers, part, _run(folder), full)
        yield from _rows(customers, "nothing", _run(folder), full)
        _ask_for_erasure(folder)
        yield from _rows(customers, "erasure", _run(folder), full)


def _deliver(folder: Path, part: str) -> None:
    for file in (folder / "data" / part).rglob("*.csv"):
        file.replace(folder / "data" / "landing" / file.parent.name / file.name)


def _ask_for_erasure(folder: Path) -> None:
    landing = folder / "data" / "landing"
    with duckdb.connect() as con:
        row = con.execute(
            f"SELECT email FROM read_csv({quoted(str(landing / 'shop' / 'accounts.csv'))}, "
            "all_varchar = true) WHERE email LIKE '%@%' LIMIT 1"
        ).fetchone()
    assert row
    (landing / "crm" / "erasure_requests.csv").write_text(
        f"request_id,requested_at,email\nbench,{LAST} 12:00:00,{row[0]}\n"
    )


def _run(folder: Path) -> Measured:
    return measure([*CLI, "run", "--now", "--data-dir", str(folder / "data")], shown=True)


def _rows(
    customers: int, what: str, measured: Measured, full: Measured
) -> Iterable[tuple[str, str]]:
    stages = re.search(r"^Seconds((?:.*\n)(?:^ {4,}.*\n)*)", measured.output, re.MULTILINE)
    yield (
        f"Company, {customers:,} people: {what}",
        f"{measured.seconds:.1f} s, {measured.processor_seconds:.1f} s of processors, peak "
        f"{measured.peak_mb:,.0f} MB; of full {measured.processor_seconds / full.processor_seconds:.2f}",
    )
    yield (
        f"Company, {customers:,} people: {what}, stages",
        " ".join(stages[1].split()) if stages else "",
    )


if __name__ == "__main__":
    for line in bench(int(sys.argv[1])):
        sys.stdout.write(" ".join(line) + "\n")
