"""Prediction models: value, propensity, personas, demand, and what drives them.

A folder per question, a module per model; ``step`` reads the marts, runs them and writes schema
``predictions``. What happened is counted in SQL models and not here.
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
