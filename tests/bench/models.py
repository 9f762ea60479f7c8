"""Each prediction model against the rule that it must beat and another tool, on past days.

``make bench ARGS=models`` runs Online Retail once, restates it as of four past days, and compares
what was predicted of the days after them with what then happened; companies drawn with and without
season and growth are predicted for a whole year. The figures are written to docs/models.md.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from dagster_project.predict import inputs, scores
from dagster_project.predict.inputs import Customers
from dagster_project.predict.likelihood import Array
from dagster_project.predict.propensity.estimate import (
    REPURCHASE_DAYS,
    RecencyRate,
    predict_propensity,
)
from dagster_project.predict.step import one_arithmetic_thread
from dagster_project.predict.value.alive import probability_alive
from dagster_project.predict.value.next_order import date_next_orders
from dagster_project.predict.value.shrunk import ShrunkRate, orders_per_purchase, shrunk_mean
from dagster_project.predict.value.twelve_months import predict_values
from dagster_project.settings import PROJECT_ROOT
from tests.bench import models_demand, models_recommended
from tests.bench.drawn_shops import draw_shop
from tests.bench.pipeline import SHARED, measure

PAGE = PROJECT_ROOT / "docs" / "models.md"
HORIZON = 91
CUTS = (date(2011, 6, 1), date(2011, 7, 1), date(2011, 8, 1), date(2011, 9, 9))
READ = ("marts.orders", "marts.order_lines", "marts.calls", "intermediate.int_refunds_dated")

# What is compared, on what, ours, the rule, another tool.
Row = tuple[str, str, str, str, str]


def bench() -> Iterator[tuple[str, str]]:
    """Rows (what, figures), and docs/models.md from the same."""
    rows: list[Row] = []
    with one_arithmetic_thread():
        for row in _all():
            rows.append(row)
            what, where, ours, rule, other = row
            yield f"{what}, {where}", f"ours {ours} | rule {rule} | other {other}"
    PAGE.write_text(_page(rows))
    yield "Written", str(PAGE.relative_to(PROJECT_ROOT))


def _all() -> Iterable[Row]:
    source = SHARED / "online_retail" / "by-day"
    if source.is_dir():
        with tempfile.TemporaryDirectory(prefix="hourglass-models-") as folder:
            data_dir = Path(folder)
            landing = data_dir / "landing"
            landing.mkdir()
            shutil.copytree(source, landing / "uci_online_retail")
            measure(
                [sys.executable, "-m", "dagster_project.cli", "run", "--data-dir", str(data_dir)]
            )
            yield from of_warehouse(data_dir)
    for name, season, growth in (
        ("drawn, even", 0.0, 0.0),
        ("drawn, season", 0.35, 0.0),
        ("drawn, growth 15% a year", 0.0, 0.15),
        ("drawn, season and growth", 0.35, 0.15),
    ):
        con = draw_shop(season=season, growth=growth)
        yield from _value(con, name, date(2023, 12, 31), 365)
    yield from models_demand.drawn()


def of_warehouse(data_dir: Path) -> Iterable[Row]:
    """Every model on the warehouse of Online Retail that stands in ``data_dir``."""
    warehouse = data_dir / "warehouse" / "warehouse.duckdb"
    con = duckdb.connect()
    con.execute(f"ATTACH '{warehouse}' AS source (READ_ONLY)")
    con.execute("CREATE SCHEMA marts; CREATE SCHEMA intermediate; CREATE SCHEMA control")
    for table in READ:
        con.execute(f"CREATE TABLE {table} AS FROM source.{table}")
    for cut in CUTS:
        name = f"Online Retail {cut}, {HORIZON} days"
        yield from _value(con, name, cut, HORIZON)
        yield from _propensities(con, name, cut)
    yield from models_recommended.compare(data_dir, warehouse, CUTS)
    yield from models_demand.online_retail(con)


def _then(con: duckdb.DuckDBPyConnection, customers: Customers, days: int) -> Customers:
    """The same customers with what they did in the days after, row by row as given."""
    last = con.execute("SELECT max(order_date) FROM marts.orders").fetchone()
    assert last is not None
    inputs.prepare_days(con, last[0])
    found = inputs.read_customers(con, customers.as_of, days)
    place = {name: row for row, name in enumerate(found.customer_id)}
    order = np.array([place[name] for name in customers.customer_id])
    return Customers(
        found.as_of,
        found.customer_id[order],
        found.first_date[order],
        found.last_date[order],
        {name: column[order] for name, column in found.columns.items()},
        found.bought[order],
    )


def _errors(predicted: Array, actual: Array) -> str:
    error = predicted - actual
    return (
        f"RMSE {np.sqrt((error**2).mean()):,.0f}, MAE {np.abs(error).mean():,.1f}, "
        f"total {predicted.sum() / actual.sum():.2f}"
    )


def _value(con: duckdb.DuckDBPyConnection, name: str, cut: date, days: int) -> Iterator[Row]:
    """Value, P(alive) and dates as of ``cut`` beside the rule and boosted orders x shrunk mean."""
    span = inputs.prepare_days(con, cut)
    assert span is not None
    customers = inputs.read_customers(con, cut)
    values = predict_values(con, customers, span, days)
    alive, alive_rows = probability_alive(customers, values)
    dates = date_next_orders(customers, values)
    horizon = min(days, span.days // 3)
    earlier = inputs.read_customers(con, cut - timedelta(days=horizon), horizon)
    worth = orders_per_purchase(customers) * shrunk_mean(customers)
    rule = ShrunkRate.learn(earlier, horizon).expected(customers, days) * worth
    trees = HistGradientBoostingRegressor(loss="poisson", random_state=0)
    trees.fit(earlier.matrix(), earlier["future_purchases"])
    boosted = trees.predict(customers.matrix()) * days / horizon * worth
    then = _then(con, customers, days)
    actual = np.maximum(then["future_revenue"], 0.0)
    yield (
        "Value",
        name,
        f"{_errors(values.predicted_value, actual)} ({values.method[0]})",
        _errors(rule, actual),
        f"{_errors(boosted, actual)} (boosted orders x shrunk mean)",
    )
    facts = {row.metric: row for row in alive_rows}
    said = "NULL for everybody: " + facts["fitted"].note
    if not np.isnan(alive).all():
        said = f"decile error {scores.decile_error(alive, then.bought):.3f} on the days after"
    yield "P(alive)", name, said, "must be below 0.05, or NULL", "-"
    waited = np.where(np.isnan(then["days_to_next"]), np.inf, then["days_to_next"])
    shares = []
    for what, wait in (("half", dates.half), ("nine tenths", dates.nine_tenths)):
        dated = wait <= days
        share = f"{np.mean(waited[dated] <= wait[dated]):.2f}" if dated.any() else "no dates"
        shares.append(f"{what}: {share} of {int(dated.sum()):,}")
    yield "Next order by its date", name, "; ".join(shares), "0.50; 0.90", "-"


def _propensities(con: duckdb.DuckDBPyConnection, name: str, cut: date) -> Iterator[Row]:
    for outcome, days in (("churn", 60), ("repurchase", REPURCHASE_DAYS)):
        span = inputs.prepare_days(con, cut)
        assert span is not None
        customers = inputs.read_customers(con, cut)
        ours = predict_propensity(con, customers, outcome, days, span.first).probability
        test = inputs.read_customers(con, cut - timedelta(days=days), days)
        label = ~test.bought if outcome == "churn" else test.bought
        rule = RecencyRate.learn(test, label).predict(customers)
        trees = HistGradientBoostingClassifier(random_state=0).fit(test.matrix(), label)
        other = trees.predict_proba(customers.matrix())[:, 1]
        then = _then(con, customers, days)
        truth = ~then.bought if outcome == "churn" else then.bought

        def figures(probability: Array, truth: np.ndarray = truth) -> str:
            return (
                f"Brier {scores.brier(probability, truth):.4f}, "
                f"AUC {scores.auc(probability, truth):.3f}, "
                f"mean {probability.mean():.2f} of {truth.mean():.2f}"
            )

        where = name.split(",")[0] + f", {days} days"
        what = "Leaves" if outcome == "churn" else "Buys again"
        yield what, where, figures(ours), figures(rule), f"{figures(other)} (boosted, all features)"


def _page(rows: list[Row]) -> str:
    lines = [
        "# Prediction models and their record",
        "",
        "Written by `make bench ARGS=models`; do not edit. Each model was fitted on what was known",
        "on the day named and compared with what happened after it. Ours is what the marts would",
        "have shown; the rule is the simple one that a model must beat to be in force; other is",
        "the best other tool tried on the same days. Value in the currency: root mean square",
        "error, mean absolute error, predicted / actual in total. P(alive) is published only where",
        "its own later period bears it out. Recommendations: share of the customers who came back",
        "and bought one of five. Demand: mean absolute scaled error, less is better.",
        "",
        "Which model answers which question, on what it stands and when not to use it:",
        "",
        "| model | predicts | do not use it |",
        "| --- | --- | --- |",
        "| value | net revenue of the next 365 days: purchases (BG/NBD or MBG/NBD on the clock of "
        "the season, corrected by boosted trees where these were closer) x Gamma-Gamma | for one "
        "person's promise, or to budget a first year: below a year and a half of history the year "
        "was never tested |",
        "| P(alive) | whether the customer still buys | where it is NULL |",
        "| churn, repurchase | whether a purchase comes within the horizon | for other horizons |",
        "| next order | the days by which half and nine tenths have bought | to tell one person a "
        "date |",
        "| recommendations | buy again; discover | for goods sold to fewer than three |",
        "| demand | units of eight weeks by category | for single products, or through a price "
        "change |",
        "",
        "| what | on | ours | rule | other |",
        "| --- | --- | --- | --- | --- |",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]
    return "\n".join(lines)
