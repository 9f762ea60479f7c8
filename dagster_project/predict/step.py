"""Prediction step: reads the marts of what happened, runs every model, writes ``predictions``."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np

from dagster_project.errors import HourglassError
from dagster_project.predict.experiments import compare_variants, read_variants
from dagster_project.predict.inputs import Customers, Span, prepare_days, read_customers
from dagster_project.predict.journeys.markov import write_removal_effects
from dagster_project.predict.tables import (
    TABLES,
    ModelRow,
    create_prediction_tables,
    replace_tables,
)
from dagster_project.settings import Settings

# Between two groupings that tell how many keep their persona.
PERSONA_DAYS = 30


@dataclass
class PredictSummary:
    """What was predicted: ``rows`` per table, ``seconds`` per part, ``notes`` on what was not.

    ``chosen`` maps a model to what its column holds, e.g. churn_propensity to "logistic: ...".
    """

    run_id: str
    as_of: date
    customers: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def predict(con: duckdb.DuckDBPyConnection, settings: Settings, *, run_id: str) -> PredictSummary:
    """Fill schema ``predictions`` as of ``control.parameters.as_of``.

    Reads ``marts.orders``, ``marts.order_lines`` and ``marts.calls``, for the channels
    ``intermediate.int_journey_transition_counts``, for the experiments
    ``intermediate.int_experiments_observed``.

    Replaces every table, all but the channels' in one transaction. Too little or odd
    data leaves columns NULL and a reason in ``predictions.models`` and in the summary. Raises
    HourglassError when there is no ``as_of``, that is, when the step runs before a build was begun.
    """
    create_prediction_tables(con)
    summary = PredictSummary(run_id, _as_of(con))
    with _timed(summary, "import"):
        limits = one_arithmetic_thread()
    with limits:
        content = _predict_all(con, summary)
    with _timed(summary, "write"):
        replace_tables(con, content)
        channels = write_removal_effects(con)
    summary.rows = {table: len(next(iter(content[table].values()))) for table in TABLES}
    summary.rows["channel_removal_effects"] = channels
    return summary


def warm_up() -> None:
    """Import what :func:`predict` would wait for (4 s of one core) while others are at work."""
    import sklearn.cluster
    import sklearn.ensemble
    import sklearn.linear_model
    import sklearn.metrics
    import sklearn.pipeline
    import sklearn.preprocessing  # noqa: F401


def _as_of(con: duckdb.DuckDBPyConnection) -> date:
    row = con.execute("SELECT as_of FROM control.parameters").fetchone()
    if row is None or row[0] is None:
        raise HourglassError(
            "Predictions need a build's parameters, and control.parameters is empty. "
            "Start the whole daily run instead of this step alone."
        )
    return row[0]


def one_arithmetic_thread() -> Any:
    """A context in which the arithmetic libraries use one thread.

    Sums in another order differ in their last digits, and on a busy machine waiting threads spin:
    a boosted tree of 0.1 s took 8 s. Only libraries that are loaded already can be limited.
    """
    import sklearn.ensemble  # noqa: F401 - loads OpenMP
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1)


@contextmanager
def _timed(summary: PredictSummary, part: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    summary.seconds[part] = time.perf_counter() - started


def _predict_all(
    con: duckdb.DuckDBPyConnection, summary: PredictSummary
) -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = {
        table: {name: [] for name in columns} for table, columns in TABLES.items()
    }
    models: list[ModelRow] = []
    with _timed(summary, "read"):
        span = prepare_days(con, summary.as_of)
        customers = read_customers(con, summary.as_of)
    summary.customers = len(customers)
    if span is None:
        models.append(ModelRow("customer_values", "fitted", 0, "no sale of a known customer yet"))
    else:
        _predict_customers(con, customers, span, summary, content, models)
    with _timed(summary, "demand"):
        _predict_demand(con, summary, content, models)
    with _timed(summary, "experiments"):
        tests = compare_variants(read_variants(con))
    content["experiment_tests"] = {
        name: [row[name] for row in tests] for name in TABLES["experiment_tests"]
    }
    content["models"] = {
        "model": [row.model for row in models],
        "metric": [row.metric for row in models],
        "value": [row.value for row in models],
        "note": [row.note for row in models],
    }
    summary.chosen = {row.model: row.note for row in models if row.metric == "chosen"}
    summary.notes = [
        f"{row.model}: {row.note}" for row in models if row.metric == "fitted" and not row.value
    ]
    return content


def _predict_customers(
    con: duckdb.DuckDBPyConnection,
    customers: Customers,
    span: Span,
    summary: PredictSummary,
    content: dict[str, dict[str, Any]],
    models: list[ModelRow],
) -> None:
    from dagster_project.predict.drivers.analysis import analyse_drivers
    from dagster_project.predict.personas import find_personas
    from dagster_project.predict.propensity.estimate import (
        REPURCHASE_DAYS,
        churn_days,
        predict_propensity,
    )
    from dagster_project.predict.value.alive import probability_alive
    from dagster_project.predict.value.next_order import date_next_orders
    from dagster_project.predict.value.twelve_months import predict_values

    with _timed(summary, "value"):
        values = predict_values(con, customers, span)
        alive, alive_models = probability_alive(customers, values)
    with _timed(summary, "churn"):
        churn = predict_propensity(con, customers, "churn", churn_days(span), span.first)
    with _timed(summary, "repurchase"):
        days = min(REPURCHASE_DAYS, churn_days(span))
        repurchase = predict_propensity(con, customers, "repurchase", days, span.first)
    with _timed(summary, "next order"):
        next_orders = date_next_orders(customers, values)
    with _timed(summary, "personas"):
        earlier = None
        if span.days > 3 * PERSONA_DAYS:
            earlier = read_customers(con, summary.as_of - timedelta(days=PERSONA_DAYS))
        personas = find_personas(customers, earlier)
    with _timed(summary, "drivers"):
        drivers, driver_models = analyse_drivers(churn.test)
    models += values.models + alive_models + churn.models + repurchase.models
    models += next_orders.models + personas.models + driver_models
    known = np.array([key is not None for key in personas.persona], dtype=bool)
    content["customer_values"] = {
        "customer_id": customers.customer_id,
        "ltv_simple": values.ltv_simple,
        "p_alive": alive,
        "expected_orders_12m": values.expected_orders,
        "expected_order_value": values.order_value,
        "predicted_12m_value": values.predicted_value,
        "value_method": values.method,
        "churn_probability": churn.probability,
        "repurchase_probability": repurchase.probability,
        "next_order_expected_date": _dates(summary.as_of, next_orders.half),
        "next_order_late_date": _dates(summary.as_of, next_orders.nine_tenths),
    }
    content["personas"] = {
        "customer_id": customers.customer_id[known],
        "persona": personas.persona[known],
        "persona_label": personas.label[known],
    }
    content["driver_analysis"] = {
        name: [row[name] for row in drivers] for name in TABLES["driver_analysis"]
    }


def _predict_demand(
    con: duckdb.DuckDBPyConnection,
    summary: PredictSummary,
    content: dict[str, dict[str, Any]],
    models: list[ModelRow],
) -> None:
    from dagster_project.predict.demand.forecast import (
        FORECAST_SERIES,
        forecast_demand,
        history_rows,
        read_weeks,
    )

    last_week, weeks = read_weeks(con, summary.as_of, FORECAST_SERIES)
    forecasts = forecast_demand(last_week, weeks)
    models += forecasts.models
    rows = history_rows(last_week, weeks) + forecasts.rows
    content["demand_forecasts"] = {
        name: [row.get(name) for row in rows] for name in TABLES["demand_forecasts"]
    }


def _dates(as_of: date, days: Any) -> Any:
    """``as_of`` plus ``days`` as datetime64[D]; NaN becomes NaT."""
    missing = np.isnan(days)
    moved = np.datetime64(as_of, "D") + np.where(missing, 0, days).astype("timedelta64[D]")
    moved[missing] = np.datetime64("NaT", "D")
    return moved
