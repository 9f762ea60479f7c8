"""What customers will do next: value, propensity, personas, demand, and what drives them.

Each module is one model as pure functions on arrays; ``step`` reads the marts, runs them and
writes schema ``predictions``.
"""

from dagster_project.predict.step import PredictSummary, predict, warm_up
from dagster_project.predict.tables import PREDICTION_TABLES, create_prediction_tables

__all__ = [
    "PREDICTION_TABLES",
    "PredictSummary",
    "create_prediction_tables",
    "predict",
    "warm_up",
]
