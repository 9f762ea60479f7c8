"""What customers will do next: value, propensity, personas, demand, and what drives them.

Each module is one model as pure functions on arrays; ``step`` reads the marts, runs them and
writes schema ``predictions``.
"""

from dagster_project.predict.step import PredictSummary, predict
from dagster_project.predict.tables import create_prediction_tables

__all__ = ["PredictSummary", "create_prediction_tables", "predict"]
