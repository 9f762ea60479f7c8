"""Whether the step fills its tables whole, the same every time, and survives any company."""

from datetime import date, timedelta

import duckdb
import numpy as np
import pytest

from dagster_project.errors import HourglassError
from dagster_project.predict import create_prediction_tables, predict
from dagster_project.predict.tables import TABLES, replace_tables

AS_OF = date(2025, 6, 30)


def content(con):
    return {
        table: con.execute(f"SELECT * FROM predictions.{table} ORDER BY ALL").fetchall()
        for table in TABLES
    }


def test_every_table_is_filled(company, two_years, settings):
    """A mart would publish empty columns although there is enough to learn from."""
    con = company(two_years)
    summary = predict(con, settings, run_id="run")
    people = {row[0] for row in two_years}
    assert summary.customers == len(people)
    assert summary.rows["customer_values"] == summary.rows["personas"] == len(people)
    assert all(summary.rows.values())
    # Those who leave buy nothing in the year that tests it: P(alive) is said not to hold.
    assert [note.split(":")[0] for note in summary.notes] == ["p_alive"]
    assert {"churn_propensity", "repurchase_propensity", "predicted_value"} <= set(summary.chosen)
    wrong = con.execute(
        """
        SELECT count(*) FROM predictions.customer_values
        WHERE NOT coalesce(churn_probability BETWEEN 0 AND 1
              AND repurchase_probability BETWEEN 0 AND 1 AND expected_orders_12m >= 0
              AND predicted_12m_value >= 0 AND ltv_simple >= 0, FALSE)
              OR p_alive IS NOT NULL OR value_method IS NULL
              OR next_order_expected_date <= DATE '2025-06-30'
              OR next_order_late_date < next_order_expected_date
              OR abs(predicted_12m_value - expected_orders_12m * expected_order_value) > 0.0051
        """
    ).fetchone()
    assert wrong == (0,)
    effects = con.execute("SELECT * FROM predictions.channel_removal_effects").fetchall()
    assert effects == [("email", 1.0)]
    past = con.execute(
        "SELECT count(*), sum(units_sold), max(week_start) FROM predictions.demand_forecasts "
        "WHERE category = '(all)' AND horizon <= 0"
    ).fetchone()
    # 104 complete weeks up to Sunday 29 June, one unit per order.
    sold = sum(date(2023, 7, 3) <= row[1] <= date(2025, 6, 29) for row in two_years)
    assert past == (104, sold, date(2025, 6, 23))


def test_the_same_data_in_any_order_gives_the_same_predictions(company, two_years, settings):
    """Files delivered twice or in another order would end in other marts, ids aside."""
    con = company(two_years)
    predict(con, settings, run_id="one")
    first = content(con)
    predict(con, settings, run_id="two")
    assert content(con) == first

    rng = np.random.default_rng(1)
    people = sorted({row[0] for row in two_years})
    new = dict(zip(people, rng.permutation(len(people)), strict=True))
    shuffled = [two_years[i] for i in rng.permutation(len(two_years))]
    other = company([(f"id{new[row[0]]}", *row[1:]) for row in shuffled])
    predict(other, settings, run_id="three")
    back = {f"id{number}": name for name, number in new.items()}
    second = content(other)
    for table in ("customer_values", "personas"):
        assert sorted((back[row[0]], *row[1:]) for row in second[table]) == first[table]
    assert second["driver_analysis"] == first["driver_analysis"]
    models = [row for row in first["models"] if not row[0].startswith("demand")]
    assert [row for row in second["models"] if not row[0].startswith("demand")] == models


def test_sales_after_as_of_change_nothing(company, two_years, settings):
    """A rebuild of a past day would know what came after it."""
    con = company(two_years, as_of=AS_OF - timedelta(days=200))
    predict(con, settings, run_id="all")
    everything = content(con)
    con.execute("DELETE FROM marts.orders WHERE order_date > DATE '2025-06-30' - 200")
    predict(con, settings, run_id="past")
    assert content(con) == everything


def _spread(people, days, *, per_person=6, value=20.0, end=AS_OF):
    rng = np.random.default_rng(3)
    return [
        (f"c{i % people}", end - timedelta(days=int(rng.integers(0, days))), value)
        for i in range(people * per_person)
    ]


ODD = {
    "no orders": [],
    "unknown buyers": [(None, AS_OF, 5.0)] * 40,
    "one order": [("c", AS_OF, 5.0)],
    "one customer": [("c", AS_OF - timedelta(days=9 * i), 5.0) for i in range(60)],
    "one month": _spread(120, 30),
    "all on one day": [(f"c{i}", AS_OF, 5.0 + i) for i in range(150)],
    "all on one day long ago": [(f"c{i}", date(2015, 2, 28), 5.0) for i in range(150)],
    "nobody returns": _spread(300, 700, per_person=1),
    "everything refunded": [(*row, 0.0) for row in _spread(150, 400)],
    "money back beyond the price": [(name, day, -5.0) for name, day, _ in _spread(150, 400)],
    "one price": _spread(150, 400),
    "forty customers": _spread(40, 500),
    "closed for ten years": _spread(150, 400, end=date(2015, 6, 30)),
    "sums near the limit of the type": _spread(150, 400, value=9e13),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("orders", ODD.values(), ids=ODD)
def test_odd_companies(company, orders, settings):
    """A tiny or odd company would lose its whole build to the predictions."""
    con = company(orders)
    summary = predict(con, settings, run_id="odd")
    known = {row[0] for row in orders} - {None}
    assert summary.rows["customer_values"] == len(known)
    # Whatever could not be fitted has its reason, and no number is NaN or infinite.
    assert all(len(note) > 20 for note in summary.notes)
    for table, columns in TABLES.items():
        for name, kind in columns.items():
            if kind == "DOUBLE":
                bad = con.execute(
                    f"SELECT count(*) FROM predictions.{table} WHERE isnan({name}) OR isinf({name})"
                ).fetchone()
                assert bad == (0,), (table, name)


def test_tables_exist_before_any_run():
    """Plain dbt build would fail on a missing source."""
    con = duckdb.connect()
    create_prediction_tables(con)
    create_prediction_tables(con)
    assert all(
        con.execute(f"SELECT count(*) FROM predictions.{table}").fetchone() == (0,)
        for table in TABLES
    )


def test_a_failed_write_leaves_the_former_rows(company, two_years, settings):
    """A run killed while writing would leave half a prediction."""
    con = company(two_years)
    predict(con, settings, run_id="run")
    before = content(con)
    broken = {table: {name: [] for name in columns} for table, columns in TABLES.items()}
    con.execute("DROP TABLE predictions.driver_analysis")
    with pytest.raises(duckdb.Error):
        replace_tables(con, broken)
    create_prediction_tables(con)
    after = content(con)
    assert after["customer_values"] == before["customer_values"]


def test_without_a_build_the_message_helps(settings):
    """Somebody who starts this step alone would get a stack trace."""
    con = duckdb.connect()
    con.execute("CREATE SCHEMA control")
    con.execute("CREATE TABLE control.parameters (as_of DATE)")
    with pytest.raises(HourglassError, match="whole daily run"):
        predict(con, settings, run_id="run")
