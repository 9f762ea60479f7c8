"""The loader against DuckDB's own CREATE TABLE AS on the same files, both limited to 2 GB."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from tests.bench.pipeline import measure

ROWS = int(os.environ.get("BENCH_LOAD_ROWS", "20000000"))
FILES = 20
MEMORY = "2GB"
FORMATS = {
    "csv": "(FORMAT csv, HEADER)",
    "csv.gz": "(FORMAT csv, HEADER, COMPRESSION gzip)",
    "parquet": "(FORMAT parquet)",
}
EVENTS = """
    SELECT 'E' || i AS event_id, 'v' || (hash(i) % 500000) AS visitor_id,
        CASE WHEN hash(i) % 3 = 0 THEN 'A' || (hash(i) % 77777) END AS account_id,
        TIMESTAMP '2024-01-01' + INTERVAL (i) SECOND AS occurred_at,
        ['page_view', 'product_view', 'add_to_cart', 'search'][1 + CAST(hash(i) % 4 AS INT)]
            AS event_name,
        '/p/' || (hash(i * 7) % 10000) AS page_path, 'P' || (hash(i) % 1000) AS product_id,
        NULL AS order_id, 'google' AS utm_source, 'cpc' AS utm_medium,
        'c' || (i % 50) AS utm_campaign, 'https://shop.example/' AS referrer,
        'mobile' AS device, 'GB' AS country
    FROM range({first}, {last}) AS t(i)
"""
BASELINE = """
import duckdb, sys
con = duckdb.connect(sys.argv[1], config={'memory_limit': sys.argv[2]})
con.execute('CREATE TABLE web_events AS SELECT * FROM ' + sys.argv[3])
"""
OURS = """
import sys
from pathlib import Path
from dagster_project.load import load_landing
from dagster_project.settings import Settings
from dagster_project.warehouse import connect
settings = Settings(data_dir=Path(sys.argv[1]), memory_limit=sys.argv[2])
with connect(settings, keep_order=True) as con:
    summary = load_landing(con, settings, run_id='bench')
    rows = con.execute('SELECT count(*) FROM shop.web_events').fetchall()[0][0]
assert summary.records == summary.accepted == rows == int(sys.argv[3]), summary.sentence()
"""


def write_events(folder: Path, ending: str) -> None:
    """``ROWS`` web events in ``FILES`` files."""
    con = duckdb.connect()
    share = ROWS // FILES
    for number in range(FILES):
        sql = EVENTS.format(first=number * share, last=(number + 1) * share)
        con.execute(f"COPY ({sql}) TO '{folder}/web_events_{number:02}.{ending}' {FORMATS[ending]}")


def bench() -> Iterator[tuple[str, str]]:
    """Rows (what, figure): seconds of both, their ratio, and the loader's peak memory."""
    for ending in FORMATS:
        with tempfile.TemporaryDirectory(prefix="hourglass-load-") as name:
            folder = Path(name) / "data" / "landing" / "shop"
            folder.mkdir(parents=True)
            write_events(folder, ending)
            reader = (
                f"read_parquet('{folder}/*')"
                if ending == "parquet"
                else f"read_csv('{folder}/*', all_varchar = true)"
            )
            base = measure(
                [sys.executable, "-c", BASELINE, str(Path(name) / "base.duckdb"), MEMORY, reader]
            )
            (Path(name) / "base.duckdb").unlink()
            ours = measure(
                [sys.executable, "-c", OURS, str(Path(name) / "data"), MEMORY, str(ROWS)]
            )
        yield (
            f"Load {ROWS:,} web events, {ending}: / CREATE TABLE AS",
            f"{ours.seconds / base.seconds:.2f} ({ours.seconds:.1f} s / {base.seconds:.1f} s, "
            f"peak {ours.peak_mb:,.0f} MB)",
        )
