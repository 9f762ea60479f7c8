"""The whole run of a simulated company: all of it, a day more, a hundred records, one erasure.

``hourglass run`` as a person starts it, from files in landing/ to the report. The last day of two
years lies aside, and of it the last records. ``full``: a first run over the rest. ``day``: the
day's files come. ``batch``: a hundred records, as the sensor sees them every quarter of an hour.
``nothing``: no file is new. ``erasure``: one person asks to be forgotten.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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


def split(source: Path, landing: Path) -> None:
    """Write everything before the last day to ``landing``, the rest beside it to ``day`` and
    ``batch``. Requests of erasure stay out.
    """
    con = duckdb.connect()
    con.execute("SET memory_limit = '4GB'")
    for system, contract in load_contract().items():
        for table in contract.tables.values():
            file = source / system / f"{table.name}.csv.gz"
            if file.exists() and table.name != "erasure_requests":
                _split_table(con, file, f"{system}.{table.name}", table, landing.parent)
    con.close()


def _split_table(
    con: duckdb.DuckDBPyConnection, file: Path, name: str, table: Table, folder: Path
) -> None:
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
        if not (row and row[0]):
            out.unlink()


@dataclass(frozen=True)
class Run:
    """One run of the pipeline: what it took in all, seconds by stage, MB on disk after it."""

    measured: Measured
    stages: Mapping[str, float]
    warehouse_mb: float
    version_mb: float

    def shown(self, full: "Run") -> str:
        share = self.measured.processor_seconds / full.measured.processor_seconds
        return (
            f"{self.measured.seconds:.1f} s, {self.measured.processor_seconds:.1f} s of "
            f"processors, peak {self.measured.peak_mb:,.0f} MB; of full {share:.2f}"
        )


def runs(customers: int, parts: Iterable[str], *, months: int = 24) -> Iterator[tuple[str, Run]]:
    """The full run of a company of ``customers`` people, then each of ``parts`` (see above)."""
    with tempfile.TemporaryDirectory(prefix="hourglass-company-") as name:
        folder = Path(name)
        made = ["--out", f"{name}/made", "--customers", str(customers), "--months", str(months)]
        measure([*CLI, "sample", *made])
        split(folder / "made" / "landing", folder / "data" / "landing")
        shutil.rmtree(folder / "made")
        yield "full", one_run(folder / "data", "--now")
        for part in parts:
            if part == "erasure":
                _ask_for_erasure(folder / "data" / "landing")
            for file in (folder / "data" / part).rglob("*.csv"):
                file.replace(folder / "data" / "landing" / file.parent.name / file.name)
            # As somebody who does not know that there is nothing to take.
            yield part, one_run(folder / "data", *(() if part == "nothing" else ("--now",)))


def bench(customers: int) -> Iterable[tuple[str, str]]:
    """Rows (what, figure): each run as a whole and by stage, and its ratio to the full run."""
    full = None
    for what, run in runs(customers, ("day", "batch", "nothing", "erasure")):
        full = full or run
        name = f"Company, {customers:,} people: {what}"
        yield name, run.shown(full)
        yield f"{name}, stages", ", ".join(f"{k} {v:.1f}" for k, v in run.stages.items())


def one_run(data_dir: Path, *options: str, env: Mapping[str, str] | None = None) -> Run:
    """One run of the pipeline in ``data_dir``, measured."""
    command = [*CLI, "run", *options, "--data-dir", str(data_dir)]
    measured = measure(command, dict(env or {}), shown=True)
    stages = re.findall(r"^(.+): success, ([0-9.]+) s$", measured.output, re.MULTILINE)
    return Run(
        measured,
        {name: float(seconds) for name, seconds in stages},
        _mb(data_dir / "warehouse"),
        _mb(data_dir / "published" / "current"),
    )


def _mb(folder: Path) -> float:
    return sum(p.stat().st_size for p in folder.resolve().rglob("*") if p.is_file()) / 1e6


def _ask_for_erasure(landing: Path) -> None:
    with duckdb.connect() as con:
        row = con.execute(
            f"SELECT email FROM read_csv({quoted(str(landing / 'shop' / 'accounts.csv'))}, "
            "all_varchar = true) WHERE email LIKE '%@%' LIMIT 1"
        ).fetchone()
    assert row
    (landing / "crm" / "erasure_requests.csv").write_text(
        f"request_id,requested_at,email\nbench,{LAST} 12:00:00,{row[0]}\n"
    )
