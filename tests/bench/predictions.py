"""The prediction step of many customers: processor seconds by part, and memory.

In a process of its own: ``python -m tests.bench.predictions CUSTOMERS``.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.predict import predict
from dagster_project.settings import Settings
from tests.bench.pipeline import measure

CUSTOMERS = 377_120
# Two years and a half; a customer joins on any day and buys on average every 80 days for a while.
DAYS = 912
AS_OF = "2024-06-30"

ORDERS = f"""
    WITH people AS (
        SELECT c, hash(c, 'first') % {DAYS} AS first,
               CAST(least(40, floor(-3.2 * ln((hash(c, 'stays') % 99991 + 1) / 99992.0)))
                   AS INTEGER) AS repeats,
               20 + hash(c, 'gap') % 120 AS gap, 8 + hash(c, 'worth') % 90 AS worth
        FROM range({{customers}}) AS t(c)
    ),
    bought AS (
        SELECT c, n, worth, CAST(first + n * gap + hash(c, n) % 30 AS INTEGER) AS day
        FROM people, range(41) AS s(n) WHERE n <= repeats
    )
    SELECT 'o' || c || '-' || n AS order_id, 'c' || c AS customer_id, true AS is_sale,
           DATE '{AS_OF}' - CAST({DAYS} - day AS INTEGER) AS order_date,
           CASE WHEN hash(c, n, 'where') % 4 = 0 THEN 'pos' ELSE 'web' END AS sales_channel,
           CAST(worth + hash(c, n, 'value') % 2000 / 100.0 AS DECIMAL(18, 2)) AS gross_revenue,
           CAST(CASE WHEN hash(c, n, 'off') % 5 = 0 THEN 2 ELSE 0 END AS DECIMAL(18, 2))
               AS discount_amount,
           CAST(0 AS DECIMAL(18, 2)) AS tax_amount, CAST(0 AS DECIMAL(18, 2)) AS shipping_amount,
           CAST(worth + hash(c, n, 'value') % 2000 / 100.0 AS DECIMAL(18, 2)) AS net_revenue
    FROM bought WHERE day < {DAYS}
"""
TABLES = {
    "control.parameters": f"SELECT 'bench' AS build_id, DATE '{AS_OF}' AS as_of",
    "marts.orders": ORDERS,
    "marts.order_lines": """
        SELECT order_id, customer_id, 'category ' || hash(order_id, n) % 12 AS category,
               false AS is_service, is_sale, order_date, CAST(1 AS DECIMAL(18, 3)) AS quantity
        FROM marts.orders, range(2) AS s(n)
    """,
    "marts.calls": """
        SELECT customer_id, 'inbound' AS direction, order_date AS call_date
        FROM marts.orders WHERE hash(order_id, 'call') % 20 = 0
    """,
    "intermediate.int_refunds_dated": """
        SELECT order_id, order_date + 5 AS refunded_date,
               CAST(gross_revenue * 100 AS BIGINT) AS refunded_cents
        FROM marts.orders WHERE hash(order_id, 'refund') % 25 = 0
    """,
    "intermediate.int_experiments_observed": """
        SELECT 'e' AS experiment_id, 'A' AS variant, true AS is_control, 1e0 AS planned_share,
               5 AS subjects, 5 AS observed_subjects, 1 AS conversions,
               100 AS revenue_cents, 1e4 AS squared_cents
    """,
    "intermediate.int_journey_transition_counts": """
        SELECT * FROM (VALUES ('(start)', 'email', 3), ('email', '(sale)', 2),
            ('email', '(loss)', 1)) AS t(from_state, to_state, transitions)
    """,
}


def run(customers: int) -> dict[str, Any]:
    """Draw a shop, predict it, and say what that took: of the step alone."""
    with tempfile.TemporaryDirectory(prefix="hourglass-predictions-") as folder:
        con = duckdb.connect(str(Path(folder) / "shop.duckdb"))
        con.execute("SET memory_limit = '1GB'; SET threads = 2")
        con.execute("CREATE SCHEMA control; CREATE SCHEMA marts; CREATE SCHEMA intermediate")
        for table, sql in TABLES.items():
            con.execute(f"CREATE TABLE {table} AS {sql.format(customers=customers)}")
        row = con.execute("SELECT count(*) FROM marts.orders").fetchone()
        started = time.process_time()
        summary = predict(con, Settings(data_dir=Path(folder)), run_id="bench")
        seconds = time.process_time() - started
        con.close()
    return {
        "orders": row[0] if row else 0,
        "seconds": seconds,
        "parts": {name: round(value, 1) for name, value in summary.seconds.items()},
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def bench(customers: int = CUSTOMERS) -> Iterable[tuple[str, str]]:
    """Rows (what, figure)."""
    measured = measure([sys.executable, "-m", "tests.bench.predictions", str(customers)])
    found = json.loads(measured.output.splitlines()[-1])
    what = f"Predictions, {customers:,} customers, {found['orders']:,} orders"
    yield what, f"{found['seconds']:.1f} processor seconds, {found['peak_mb']:,.0f} MB"
    parts = ", ".join(f"{name} {seconds}" for name, seconds in found["parts"].items())
    yield f"{what}: seconds of the clock by part", parts


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(int(sys.argv[1]))) + "\n")
