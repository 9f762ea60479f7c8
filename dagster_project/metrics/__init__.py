"""Metrics: one definition each, in dbt's semantic models, compiled to SQL over the published marts.

``definitions`` reads ``dbt/metrics/``, ``compilation`` writes the SQL of a metric by
dimensions and conditions. MetricFlow reads the same files (extra ``metrics``) and gives the same
numbers; a test holds the two against each other.
"""

from dagster_project.metrics.compilation import compile_metric
from dagster_project.metrics.definitions import Metric, Metrics, load_metrics

__all__ = ["Metric", "Metrics", "compile_metric", "load_metrics"]
