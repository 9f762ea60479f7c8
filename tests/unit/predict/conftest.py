"""Published data, and small companies to predict."""

import csv
from datetime import date, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import duckdb
import numpy as np
import pytest

from dagster_project.predict.step import one_arithmetic_thread
from dagster_project.settings import Settings


def _lifetimes_csv(name):
    """Columns of a data set inside the PyPI package Lifetimes, read without importing it."""
    try:
        path = distribution("lifetimes").locate_file(f"lifetimes/datasets/{name}")
    except PackageNotFoundError:
        pytest.skip("needs the development dependency Lifetimes for the published CDNOW data")
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}


@pytest.fixture(scope="session")
def cdnow():
    """2,357 customers of Fader, Hardie and Lee (2005): frequency, recency, T in weeks."""
    return _lifetimes_csv("cdnow_customers_summary.csv")


@pytest.fixture(scope="session")
def cdnow_values():
    """The same customers with the mean value of their repeat purchases: x, t_x, T, zbar."""
    return _lifetimes_csv("cdnow_customers_summary_with_transactions.csv")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """As in the step itself: on a busy machine waiting arithmetic threads spin."""
    with one_arithmetic_thread():
        yield


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path)


@pytest.fixture
def company():
    """Builds a warehouse of ``orders``: (customer_id, date, gross) or (..., gross, net)."""
    connections = []

    def build(orders, *, as_of=date(2025, 6, 30), categories=("Tea", "Cups")):
        con = duckdb.connect()
        connections.append(con)
        con.execute("CREATE SCHEMA marts")
        con.execute("CREATE SCHEMA control")
        con.execute("CREATE TABLE control.parameters (build_id VARCHAR, as_of DATE)")
        con.execute("INSERT INTO control.parameters VALUES ('build', ?)", [as_of])
        con.execute(
            "CREATE TABLE marts.orders (order_id VARCHAR, customer_id VARCHAR, order_date DATE, "
            "is_sale BOOLEAN, sales_channel VARCHAR, gross_revenue DECIMAL(18,2), "
            "discount_amount DECIMAL(18,2), tax_amount DECIMAL(18,2), "
            "shipping_amount DECIMAL(18,2), net_revenue DECIMAL(18,2))"
        )
        con.execute(
            "CREATE TABLE marts.calls (customer_id VARCHAR, direction VARCHAR, call_date DATE)"
        )
        con.execute(
            "CREATE TABLE marts.order_lines (order_id VARCHAR, category VARCHAR, "
            "is_service BOOLEAN, is_sale BOOLEAN, order_date DATE, quantity DECIMAL(18,3), "
            "customer_id VARCHAR)"
        )
        con.execute("CREATE SCHEMA intermediate")
        con.execute(
            "CREATE TABLE intermediate.int_refunds_dated "
            "(order_id VARCHAR, refunded_date DATE, refunded_cents BIGINT)"
        )
        con.execute(
            "CREATE TABLE intermediate.int_journey_transition_counts AS SELECT * FROM (VALUES "
            "('(start)', 'email', 3), ('email', '(sale)', 2), ('email', '(loss)', 1)"
            ") AS t(from_state, to_state, transitions)"
        )
        con.execute(
            "CREATE TABLE intermediate.int_experiments_observed AS SELECT * FROM (VALUES "
            "('e1', 'A', TRUE, 0.5e0, 20, 20, 5, 4000::BIGINT, 4e6), "
            "('e1', 'B', FALSE, 0.5, 22, 22, 9, 7000, 8e6)"
            ") AS t(experiment_id, variant, is_control, planned_share, subjects, "
            "observed_subjects, conversions, revenue_cents, squared_cents)"
        )
        rows = [
            (f"o{i}", row[0], row[1], row[2], row[3] if len(row) > 3 else row[2])
            for i, row in enumerate(orders)
        ]
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            con.execute(
                "INSERT INTO marts.orders SELECT o, c, d, TRUE, 'web', g, 0, 0, 0, n FROM "
                "(SELECT unnest(?) o, unnest(?) c, unnest(?) d, unnest(?) g, unnest(?) n)",
                columns,
            )
            # By the day, so that neither ids nor the order of rows decide.
            lines = [categories[row[2].toordinal() % len(categories)] for row in rows]
            con.execute(
                "INSERT INTO marts.order_lines SELECT o, c, FALSE, TRUE, d, 1, p FROM "
                "(SELECT unnest(?) o, unnest(?) c, unnest(?) d, unnest(?) p)",
                [columns[0], lines, columns[2], columns[1]],
            )
        return con

    yield build
    for con in connections:
        con.close()


@pytest.fixture(scope="session")
def two_years():
    """Orders of 600 people over two years who differ in how often they buy and when they stop."""
    rng = np.random.default_rng(11)
    orders = []
    start = date(2023, 7, 1)
    for person in range(600):
        day = int(rng.integers(0, 500))
        gap = rng.gamma(2.0, 25.0) + 3
        worth = rng.lognormal(3.5, 0.5)
        while day < 730:
            value = round(float(worth * rng.lognormal(0, 0.3)), 2)
            orders.append((f"c{person}", start + timedelta(days=day), value))
            if rng.random() < 0.12:
                break
            day += 1 + int(rng.exponential(gap))
    return orders
