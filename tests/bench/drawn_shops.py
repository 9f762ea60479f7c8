"""Shops drawn with a known season and growth: purchases of people who come, buy and leave."""

from datetime import date, timedelta

import duckdb
import numpy as np
import pyarrow as pa

START = date(2021, 1, 1)
DAYS = 4 * 365


def draw_shop(
    *, season: float, growth: float, people: int = 6000, seed: int = 1
) -> duckdb.DuckDBPyConnection:
    """``marts.orders`` of four years: rates grow by ``growth`` a year, December is the peak.

    Arrivals grow by 30% a year. Purchases are Poisson with a gamma rate, and after each one the
    customer leaves with a beta probability.
    """
    rng = np.random.default_rng(seed)
    days = np.arange(DAYS)
    of_year = np.array([(START + timedelta(days=int(d))).timetuple().tm_yday for d in days])
    busy = 1 + season * np.cos(2 * np.pi * (of_year - 350) / 365)
    clock = np.concatenate([[0.0], np.cumsum(busy * (1 + growth) ** (days / 365))])
    arrivals = busy * 1.3 ** (days / 365)
    first = rng.choice(DAYS, people, p=arrivals / arrivals.sum())
    rate, leave = rng.gamma(0.8, 1 / 84, people), rng.beta(0.9, 3.5, people)
    worth = rng.lognormal(3.5, 0.8, people)
    ids, on, money = [], [], []
    for person in range(people):
        day, now = int(first[person]), clock[first[person]] + rng.random()
        while True:
            ids.append(f"c{person}")
            on.append(day)
            money.append(round(float(worth[person] * rng.lognormal(0, 0.4)), 2))
            now += rng.exponential(1 / rate[person])
            if rng.random() < leave[person] or now >= clock[-1]:
                break
            day = int(np.searchsorted(clock, now, side="right")) - 1
    con = duckdb.connect()
    con.execute("CREATE SCHEMA marts; CREATE SCHEMA intermediate")
    con.register("drawn", pa.table({"customer_id": ids, "day": on, "money": money}))
    con.execute(
        f"""
        CREATE TABLE marts.orders AS
        SELECT 'o' || row_number() OVER () AS order_id, customer_id,
               DATE '{START}' + CAST(day AS INTEGER) AS order_date, true AS is_sale,
               'web' AS sales_channel, CAST(money AS DECIMAL(18, 2)) AS gross_revenue,
               CAST(0 AS DECIMAL(18, 2)) AS discount_amount,
               CAST(0 AS DECIMAL(18, 2)) AS tax_amount,
               CAST(0 AS DECIMAL(18, 2)) AS shipping_amount,
               CAST(money AS DECIMAL(18, 2)) AS net_revenue
        FROM drawn
        """
    )
    con.execute(
        "CREATE TABLE intermediate.int_refunds_dated "
        "(order_id VARCHAR, refunded_date DATE, refunded_cents BIGINT)"
    )
    con.execute("CREATE TABLE marts.calls (customer_id VARCHAR, direction VARCHAR, call_date DATE)")
    con.execute(
        "CREATE TABLE marts.order_lines (customer_id VARCHAR, category VARCHAR, "
        "is_service BOOLEAN, is_sale BOOLEAN, order_date DATE)"
    )
    return con
