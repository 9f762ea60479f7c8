"""The whole of the marts for N customers, 5 N orders and 40 N web events, model by model.

The yardstick is ``by_hand/``: the heavy marts as an analyst would write them for this one shop,
straight in DuckDB, with the shop's own words and dates as literals, without the project's other
engine, contracts and descriptions. Both read the same tables of one warehouse, one after the other,
each a model at a time on all cores; and what both hold must be equal, or the row says what differs.
Each part runs in a process of its own: ``python -m tests.bench.marts PART FOLDER CUSTOMERS``.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.identity import create_identity_tables
from dagster_project.load import create_raw_tables
from dagster_project.operations.build_plan import create_control_tables
from dagster_project.predict import create_prediction_tables
from dagster_project.privacy.tables import create_privacy_tables
from dagster_project.settings import Settings
from dagster_project.transform.increments import create_increment_tables
from dagster_project.transform.project import (
    DBT_EXECUTABLE,
    PreparedProject,
    cache_dir,
    dbt_environment,
    prepare_project,
    share_parse,
)
from dagster_project.warehouse import connect, identifier
from tests.bench import shop
from tests.bench.pipeline import Measured, measure

# Of a machine with 8 GB: a gigabyte is left to dbt itself and to what DuckDB does not count.
MEMORY = "6GB"
BY_HAND = Path(__file__).parent / "by_hand"
PREPARED = ("fqn:hourglass.staging", "fqn:hourglass.intermediate.identity")
SLOW = 1.5

# What each file of by_hand/ stands for: the mart, and the models that exist for its sake.
COUNTERPARTS = {
    "order_lines": (
        "int_owners_resolved int_money_amounts int_money_rates int_money_daily_rates "
        "int_missing_rates int_orders_valued "
        "int_order_lines_valued int_order_lines_returned int_orders_refunded int_refunds_routed "
        "int_refunds_allocated order_lines"
    ),
    "orders": "orders",
    "sessions": "int_sessions_formed int_sessions_channeled int_sessions_identified",
    "touchpoints": "int_people_referenced int_campaigns_named int_clicks_opened touchpoints",
    "attribution_touchpoints": (
        "int_attribution_paths int_attribution_credits int_attribution_markov "
        "attribution_touchpoints"
    ),
    "attribution_channels": "int_ad_spend_converted marketing_spend attribution_channels",
    "journey_paths": (
        "int_journey_steps int_journeys_summed int_paths_written int_attribution_ranges "
        "journey_paths"
    ),
    "journey_transitions": "int_journey_transition_counts journey_transitions",
    "cohort_retention": "cohort_retention",
    "retention_monthly": "int_customer_months_summed retention_monthly",
    "customers": (
        "int_customers_purchased int_purchase_gaps_measured int_customers_scored "
        "int_customers_favoured int_customers_acquired customers"
    ),
    "segment_migrations": "int_segments_monthly segment_migrations",
    "product_affinities": "product_affinities",
    "product_performance": "product_performance",
    "product_recommendations": (
        "int_products_recommended int_recommendations_tested product_recommendations"
    ),
    "channel_scorecard": "channel_scorecard",
    "products": "products",
}
RELATIONS = {"sessions": "intermediate.int_sessions_identified"}


def _settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, memory_limit=MEMORY)


def make(folder: Path, customers: int) -> dict[str, Any]:
    """The warehouse with the shop in its staging tables, and what identity takes from them."""
    with connect(_settings(folder)) as con:
        create_raw_tables(con)
        create_identity_tables(con)
        create_control_tables(con)
        create_increment_tables(con)
        create_prediction_tables(con)
        create_privacy_tables(con)
    share_parse(_project(folder), folder / "target")
    _dbt(folder, "seed")
    _dbt(folder, "run", "--select", PREPARED[0])
    with connect(_settings(folder)) as con:
        shop.fill(con, customers)
    _dbt(folder, "run", "--select", PREPARED[1])
    with connect(_settings(folder)) as con:
        tables = ("stg_shop__orders", "stg_shop__order_lines", "stg_shop__web_events")
        return {table: _one(con, f"SELECT count(*) FROM staging.{table}") for table in tables}


def _project(folder: Path) -> PreparedProject:
    return prepare_project(cache_dir(_settings(folder)))


def _dbt(folder: Path, *arguments: str) -> Measured:
    """One call of dbt, one model at a time, so that each has both cores to itself."""
    target = folder / "target"
    project = _project(folder).folder
    environment = dbt_environment(_settings(folder)) | {
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_PROJECT_DIR": str(project),
        "DBT_PROFILES_DIR": str(project),
    }
    command = [str(DBT_EXECUTABLE), arguments[0], "--threads", "1"]
    # dbt's connection may read the seeds of the folder that it works in.
    return measure([*command, *arguments[1:]], environment, folder=project, shown=True)


def by_hand(folder: Path, _customers: int) -> dict[str, Any]:
    """Seconds of each file of ``by_hand/``, and the columns in which it and the mart differ.

    None for a file that does not fit in memory: its mart is then compared with nothing.
    """
    seconds: dict[str, float | None] = {}
    differing = {}
    with connect(_settings(folder)) as con:
        con.execute("CREATE SCHEMA by_hand")
        con.execute("SET search_path = 'by_hand'")
        for file in sorted(BY_HAND.glob("*.sql")):
            name = file.stem.partition("_")[2]
            started = time.perf_counter()
            try:
                con.execute(file.read_text())
                seconds[name] = time.perf_counter() - started
            except duckdb.OutOfMemoryException:
                seconds[name] = None
            except duckdb.Error as error:
                raise RuntimeError(f"{file.name}: {error}") from error
            sys.stdout.write(f"{file.name} {seconds[name]}\n")
            sys.stdout.flush()
        for name in (name for name, taken in seconds.items() if taken is not None):
            differing[name] = _differences(con, name, RELATIONS.get(name, f"marts.{name}"))
    return {"seconds": seconds, "differing": differing}


def _differences(con: duckdb.DuckDBPyConnection, name: str, mart: str) -> list[str]:
    """Columns of the hand-written table whose values are not the mart's, in any order of rows."""
    types = dict(
        con.execute(
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE schema_name || '.' || table_name = ?",
            [mart],
        ).fetchall()
    )
    columns = [
        column
        for (column,) in con.execute(
            "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'by_hand' "
            "AND table_name = ? ORDER BY column_index",
            [name],
        ).fetchall()
        if column in types
    ]

    def value(column: str) -> str:
        text = f"CAST({identifier(column)} AS {types[column]})"
        return f"round({text}, 6) + 0.0" if types[column] == "DOUBLE" else text

    def rows(chosen: list[str]) -> bool:
        listed = ", ".join(value(column) for column in chosen)
        sql = "SELECT count(*), sum(CAST(hash({}) AS HUGEINT)) FROM {}"
        return (
            con.execute(sql.format(listed, f"by_hand.{name}")).fetchone()
            == con.execute(sql.format(listed, mart)).fetchone()
        )

    if rows(columns):
        return []
    return [column for column in columns if not rows([column])] or ["rows"]


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return row[0] if row else 0


PARTS = {"make": make, "by_hand": by_hand}


def bench(customers: int) -> Iterable[tuple[str, str]]:
    """Rows (what, figure): each mart, its hand-written counterpart, and the whole."""
    what = f"Marts, {customers:,} customers"
    with tempfile.TemporaryDirectory(prefix="hourglass-marts-") as name:
        folder = Path(name)

        def run(part: str) -> tuple[dict[str, Any], float]:
            command = [sys.executable, "-m", "tests.bench.marts", part, name, str(customers)]
            measured = measure(command, shown=True)
            return json.loads(measured.output.splitlines()[-1]), measured.peak_mb

        made, _ = run("make")
        counts = ", ".join(f"{count:,}" for count in made.values())
        yield f"{what}: orders, lines, events", counts
        whole = _dbt(folder, "run", "--exclude", *PREPARED)
        results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
        models = {
            result["unique_id"].rpartition(".")[2]: result["execution_time"] for result in results
        }
        yield (
            f"{what}: the whole",
            f"{sum(models.values()):.1f} s in {len(models)} models, {whole.seconds:.1f} s with "
            f"dbt's own work, peak {whole.peak_mb:,.0f} MB of a limit of {MEMORY}",
        )
        plain, plain_mb = run("by_hand")
    yield from _rows(what, models, plain)
    yield f"{what}: peak by hand", f"{plain_mb:,.0f} MB"


def _rows(what: str, left: dict[str, float], plain: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """One row per counterpart, their sum, and the models that have none; empties ``left``."""
    ours, theirs = 0.0, 0.0
    for name, seconds in plain["seconds"].items():
        models = {model: left.pop(model) for model in COUNTERPARTS[name].split()}
        mine = sum(models.values())
        if seconds is None:
            yield f"{what}: {name}", f"{mine:.2f} s / out of memory by hand"
            continue
        ours, theirs = ours + mine, theirs + seconds
        slowest = sorted(models, key=models.__getitem__, reverse=True)[:3]
        parts = ", ".join(f"{model} {models[model]:.1f}" for model in slowest)
        differing = plain["differing"][name]
        yield (
            f"{what}: {name}",
            f"{mine:.2f} s / {seconds:.2f} s by hand = {mine / seconds:.2f}"
            + (" SLOW" if mine > SLOW * seconds else "")
            + (f" ({parts})" if len(models) > 1 else "")
            + (f"; DIFFERS in {', '.join(differing)}" if differing else ""),
        )
    yield (
        f"{what}: all these / by hand",
        f"{ours / theirs:.2f} ({ours:.1f} s / {theirs:.1f} s)",
    )
    rest = sorted(left.items(), key=lambda item: -item[1])
    yield (
        f"{what}: without a hand-written counterpart",
        f"{sum(left.values()):.1f} s: "
        + ", ".join(f"{model} {seconds:.1f}" for model, seconds in rest),
    )


if __name__ == "__main__":
    chosen, place, size = sys.argv[1:]
    sys.stdout.write(json.dumps(PARTS[chosen](Path(place), int(size))) + "\n")
