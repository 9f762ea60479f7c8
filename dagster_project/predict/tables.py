"""Prediction tables: the definition of schema ``predictions``, and writing it as one change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from dagster_project.predict.journeys.markov import create_removal_effects_table

TABLES: dict[str, dict[str, str]] = {
    "customer_values": {
        "customer_id": "VARCHAR",
        "ltv_simple": "DECIMAL(18,2)",
        "p_alive": "DOUBLE",
        "expected_orders_12m": "DOUBLE",
        "expected_order_value": "DECIMAL(18,2)",
        "predicted_12m_value": "DECIMAL(18,2)",
        "value_method": "VARCHAR",
        "churn_probability": "DOUBLE",
        "repurchase_probability": "DOUBLE",
        "next_order_expected_date": "DATE",
        "next_order_late_date": "DATE",
    },
    "models": {
        "model": "VARCHAR",
        "metric": "VARCHAR",
        "value": "DOUBLE",
        "note": "VARCHAR",
    },
    "personas": {
        "customer_id": "VARCHAR",
        "persona": "VARCHAR",
        "persona_label": "VARCHAR",
    },
    "demand_forecasts": {
        "category": "VARCHAR",
        "week_start": "DATE",
        "horizon": "INTEGER",
        "units_sold": "DOUBLE",
        "forecast": "DOUBLE",
        "lower": "DOUBLE",
        "upper": "DOUBLE",
        "model": "VARCHAR",
        "mase": "DOUBLE",
    },
    "driver_analysis": {
        "method": "VARCHAR",
        "outcome": "VARCHAR",
        "feature": "VARCHAR",
        "statistic": "VARCHAR",
        "estimate": "DOUBLE",
        "ci_low": "DOUBLE",
        "ci_high": "DOUBLE",
        "n": "BIGINT",
        "p_value": "DOUBLE",
    },
    "experiment_tests": {
        "experiment_id": "VARCHAR",
        "variant": "VARCHAR",
        "rate_difference": "DOUBLE",
        "rate_ci_low": "DOUBLE",
        "rate_ci_high": "DOUBLE",
        "rate_z": "DOUBLE",
        "rate_p_value": "DOUBLE",
        "revenue_difference": "DOUBLE",
        "revenue_ci_low": "DOUBLE",
        "revenue_ci_high": "DOUBLE",
        "revenue_t": "DOUBLE",
        "revenue_p_value": "DOUBLE",
        "split_chi_square": "DOUBLE",
        "split_p_value": "DOUBLE",
    },
}

PREDICTION_TABLES = {
    "customer_values": "What each customer with a sale is worth, and whether and when they buy "
    "again: purchase model, Gamma-Gamma, propensity.",
    "models": "What is to be said of each model: parameters, errors on a later period, whether it "
    "beat its baseline, and what was chosen.",
    "personas": "The group of customers who buy alike that each customer is in: k-means.",
    "demand_forecasts": "Units by category and week: sold so far, and expected with an interval.",
    "driver_analysis": "What goes together with value and with leaving, in tidy rows.",
    "experiment_tests": "What each variant of an experiment changed against the control, and "
    "whether its subjects were split as planned.",
    "channel_removal_effects": "The share of sales that would be lost without each channel, in "
    "the Markov chain of all journeys, solved exactly.",
}

# Doubles are rounded when written: the last digits depend on the machine's arithmetic library,
# and a version must not change because it was built elsewhere.
DECIMALS = 6


@dataclass(frozen=True)
class ModelRow:
    """One published fact about a model: a parameter, an error, a decision and its reason."""

    model: str
    metric: str
    value: float | None = None
    note: str = ""


def create_prediction_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create schema ``predictions`` and its tables, empty, where they are missing."""
    create_removal_effects_table(con)
    for table, columns in TABLES.items():
        declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        con.execute(f"CREATE TABLE IF NOT EXISTS predictions.{table} ({declared})")


def replace_tables(
    con: duckdb.DuckDBPyConnection, content: Mapping[str, Mapping[str, Sequence[Any]]]
) -> None:
    """Replace the rows of every table of the schema in one transaction.

    ``content`` maps each table to its columns, each a sequence of one length; a NaN is written as
    NULL. A run that dies leaves the former rows.
    """
    import pyarrow as pa

    con.execute("BEGIN")
    try:
        for table, columns in TABLES.items():
            con.execute(f"DELETE FROM predictions.{table}")
            rows = pa.table(
                {name: _arrow(content[table][name], kind) for name, kind in columns.items()}
            )
            selected = ", ".join(_written(name, kind) for name, kind in columns.items())
            con.register("prediction_rows", rows)
            con.execute(f"INSERT INTO predictions.{table} SELECT {selected} FROM prediction_rows")
            con.unregister("prediction_rows")
    except duckdb.Error:
        con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")


def _arrow(values: Sequence[Any], kind: str) -> Any:
    import pyarrow as pa

    if kind == "DOUBLE" or kind.startswith("DECIMAL"):
        return pa.array(values, type=pa.float64(), from_pandas=True)
    types = {"VARCHAR": pa.string(), "DATE": pa.date32()}
    return pa.array(values, type=types.get(kind, pa.int64()), from_pandas=True)


def _written(name: str, kind: str) -> str:
    if kind == "DOUBLE":
        return f"round({name}, {DECIMALS})"
    # A prediction beyond what the type holds is no prediction.
    return f"try_cast({name} AS {kind})"
