"""The identity step against Splink's own predict and cluster with the same blocking.

Each part runs in a process of its own on one warehouse file, so that its memory is its own:
``python -m tests.bench.identity PART FOLDER PEOPLE``.
"""

import json
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from dagster_project.identity import frames
from dagster_project.identity.matching.blocking import block_all, profiles_of
from dagster_project.identity.matching.probabilistic import count_frequencies
from dagster_project.identity.matching.splink_query import splink_settings
from dagster_project.identity.records.identifiers import normalise_values
from dagster_project.identity.registry.tables import create_identity_tables
from dagster_project.identity.resolution import resolve_records
from dagster_project.identity.rules.rule_set import load_rules
from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.warehouse import connect, connect_file, quoted
from tests.bench.people import add_people, collect_values, create_tables
from tests.bench.pipeline import measure
from tests.rendered import CONTACTS, rendered

# New people and changed records of a day, each 0.05% of all.
DAY = 2000
SEEDS = PROJECT_ROOT / "dbt" / "seeds" / "identity"


def _settings(folder: Path) -> Settings:
    return Settings(data_dir=folder)


def make(folder: Path, people: int) -> dict[str, Any]:
    """The warehouse with the records, and nothing resolved."""
    with connect(_settings(folder)) as con:
        create_tables(con)
        step = 250_000
        for first in range(0, people, step):
            add_people(con, min(step, people - first), first=first)
        collect_values(con)
        row = con.execute("SELECT count(*) FROM intermediate.int_identity_records").fetchone()
    return {"records": row[0] if row else 0}


def resolve(folder: Path, _people: int) -> dict[str, Any]:
    """Everything, or what changed since the last time, and the golden record."""
    settings = _settings(folder)
    with connect(settings) as con:
        create_identity_tables(con)
        started = time.perf_counter()
        normalise_values(con, load_rules().guards, settings.phone_region)
        normalise = time.perf_counter() - started
        started, cpu = time.perf_counter(), time.process_time()
        summary = resolve_records(con, settings, run_id="bench")
        seconds = time.perf_counter() - started
    # As in a run: dbt opens the warehouse after the identity step has closed it.
    with connect(settings) as con:
        _golden_record(con)
        golden = time.perf_counter() - started - seconds
        cpu = time.process_time() - cpu
        pairs = con.execute("SELECT block, pairs FROM identity.blocks ORDER BY 2 DESC").fetchall()
    return {
        "normalise": normalise,
        "seconds": seconds,
        "cpu": cpu,
        "golden": golden,
        "stages": summary.seconds,
        "is_increment": summary.is_increment,
        "looked_at": summary.looked_at,
        "records": summary.records,
        "customers": summary.customers,
        "pairs": dict(pairs),
    }


def _golden_record(con: duckdb.DuckDBPyConnection) -> None:
    """``customer_contacts`` as dbt makes it on DuckDB: what is new or changed."""
    table = "intermediate.bench_contacts"
    for seed in SEEDS.glob("*.csv"):
        # The warehouse's connection opens no files.
        con.register("rows_of_seed", pd.read_csv(seed, keep_default_na=False))
        con.execute(f"CREATE OR REPLACE TABLE intermediate.{seed.stem} AS FROM rows_of_seed")
        con.unregister("rows_of_seed")
    exists = con.execute(
        "SELECT 1 FROM duckdb_tables() WHERE table_name = 'bench_contacts'"
    ).fetchone()
    query = rendered(CONTACTS, this=table, is_incremental=bool(exists))
    if not exists:
        con.execute(f"CREATE TABLE {table} AS {query}")
        return
    con.execute(
        f"DELETE FROM {table} WHERE customer_id NOT IN (SELECT customer_id FROM identity.customers)"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE bench_changed AS {query}")
    con.execute(f"DELETE FROM {table} WHERE customer_id IN (SELECT customer_id FROM bench_changed)")
    con.execute(f"INSERT INTO {table} FROM bench_changed")


def change(folder: Path, people: int) -> dict[str, Any]:
    """A day: people who are new, and records with another e-mail."""
    with connect(_settings(folder)) as con:
        add_people(con, max(1, people // DAY), first=people)
        con.execute(
            "UPDATE intermediate.int_identity_records SET email = 'new.' || email "
            f"WHERE hash(source_id) % {DAY} = 0 AND email IS NOT NULL"
        )
        collect_values(con)
    return {}


def export(folder: Path, _people: int) -> dict[str, Any]:
    """Splink's input: profiles with one column per block, NULL where a key may not pair."""
    rules = load_rules()
    with connect(_settings(folder)) as con:
        rows = "SELECT node AS rid, * FROM resolution.nodes"
        nodes = frames.make(con, "nodes", rows, as_view=True)
        frequencies = count_frequencies(con, rules)
        row = con.execute(f"SELECT count(*) FROM {nodes} WHERE is_profile").fetchone()
        blocks = block_all(con, rules.linkage, nodes, row[0] if row else 0)
        keys = ", ".join(
            f"max(k.key) FILTER (k.block = {block}) AS k{block}"
            for block in range(len(rules.linkage.blocks))
        )
        con.execute(
            f"""
            CREATE TABLE intermediate.bench_keys AS
            SELECT k.rid, {keys} FROM {blocks.keys} AS k
            JOIN {blocks.limits} AS l ON l.block = k.block AND k.records <= l.records
            GROUP BY k.rid
            """
        )
        con.execute(
            f"""
            COPY (
                SELECT p.*, d.domain IS NOT NULL AS is_rare_domain, k.* EXCLUDE (rid)
                FROM ({profiles_of(nodes, "rid")}) AS p
                LEFT JOIN {frequencies.rare_domains} AS d
                  ON d.domain = split_part(p.email, '@', 2)
                LEFT JOIN intermediate.bench_keys AS k ON k.rid = p.rid
            ) TO {quoted(str(folder / "profiles.parquet"))} (FORMAT parquet)
            """
        )
        con.execute("DROP TABLE intermediate.bench_keys")
    return {}


def splink(folder: Path, _people: int) -> dict[str, Any]:
    """Splink as its manual has it: predict on its own blocking rules, then cluster."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    rules, settings = load_rules(), _settings(folder)
    linkage = rules.linkage
    blocking = [{"blocking_rule": f"l.k{n} = r.k{n}"} for n in range(len(linkage.blocks))]
    con = connect_file(
        folder / "splink.duckdb", memory_limit=settings.memory_limit, threads=settings.threads
    )
    path = quoted(str(folder / "profiles.parquet"))
    con.execute(f"CREATE TABLE profiles AS FROM read_parquet({path})")
    started, cpu = time.perf_counter(), time.process_time()
    api = DuckDBAPI(connection=con)
    linker = Linker(
        api.register("profiles"),
        {
            **splink_settings(rules.model, 1e-6),
            "blocking_rules_to_generate_predictions": blocking,
        },
        log_level=None,
    )
    found = linker.inference.predict(threshold_match_probability=linkage.review)
    predicted = time.perf_counter() - started
    linker.clustering.cluster_pairwise_predictions_at_threshold(
        found, threshold_match_probability=linkage.link
    )
    return {
        "predict": predicted,
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
    }


PARTS = {
    "make": make,
    "export": export,
    "splink": splink,
    "resolve": resolve,
    "change": change,
}


def bench(people: int) -> list[tuple[str, str]]:
    """Rows (what, figure)."""
    with tempfile.TemporaryDirectory(prefix="hourglass-identity-") as name:

        def run(part: str) -> tuple[dict[str, Any], float]:
            command = [sys.executable, "-m", "tests.bench.identity", part, name, str(people)]
            measured = measure(command)
            return json.loads(measured.output.splitlines()[-1]), measured.peak_mb

        run("make")
        full, full_mb = run("resolve")
        run("export")
        plain, plain_mb = run("splink")
        run("change")
        day, day_mb = run("resolve")
    whole, part = full["seconds"] + full["golden"], day["seconds"] + day["golden"]
    pairs = sum(full["pairs"].values())
    top = ", ".join(f"{block} {count:,}" for block, count in list(full["pairs"].items())[:4])
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in full["stages"].items())
    changes = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in day["stages"].items())
    what = f"Identity, {people:,} people"
    return [
        (f"{what}: records, customers", f"{full['records']:,}, {full['customers']:,}"),
        (f"{what}: pairs of blocking keys", f"{pairs:,} ({top})"),
        (f"{what}: Splink's predict and cluster", f"{plain['seconds']:.1f} s, {plain_mb:,.0f} MB"),
        (f"{what}: normalise distinct values", f"{full['normalise']:.1f} s"),
        (f"{what}: full resolution", f"{whole:.1f} s, {full_mb:,.0f} MB"),
        (f"{what}: stages", f"{stages}, golden record {full['golden']:.1f}"),
        (
            f"{what}: full resolution / Splink",
            f"{whole / plain['seconds']:.2f}, in processor time {full['cpu'] / plain['cpu']:.2f}",
        ),
        (
            f"{what}: a day's increment",
            f"{part:.1f} s, {day_mb:,.0f} MB, {day['looked_at']:,} records looked at, "
            f"normalise {day['normalise']:.1f} s"
            + ("" if day["is_increment"] else ", NOT resolved as an increment"),
        ),
        (f"{what}: stages of the day", f"{changes}, golden record {day['golden']:.1f}"),
        (
            f"{what}: increment / full resolution",
            f"{100 * part / whole:.1f}%, in processor time {100 * day['cpu'] / full['cpu']:.1f}%",
        ),
    ]


if __name__ == "__main__":
    chosen, place, size = sys.argv[1:]
    sys.stdout.write(json.dumps(PARTS[chosen](Path(place), int(size))) + "\n")
