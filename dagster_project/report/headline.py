"""Headline numbers: the metrics that the overview shows and that versions are compared by.

Each is compiled from its one definition (``dagster_project.metrics``); nothing is computed here.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from dagster_project.metrics import Metric, compile_metric, load_metrics
from dagster_project.report import formats
from dagster_project.report.blocks import Source
from dagster_project.report.context import Context
from dagster_project.report.language import t

# All time, in reading order; what a version is compared by.
COMPARED = (
    "net_revenue",
    "gross_margin",
    "costed_share",
    "sales",
    "average_order_value",
    "refunded_share",
    "known_customers",
    "buyers",
    "lifetime_value_to_date",
    "predicted_12m_value",
    "sessions",
    "conversion_rate",
    "bounce_rate",
    "spend",
    "roas",
    "cac",
    "calls_offered",
    "service_level",
    "abandon_rate",
    "aht",
    "fcr",
    "nps",
    "csat",
    "email_reach",
    "sms_reach",
    "call_reach",
    "won_deal_amount",
    "win_rate",
    "audience_size",
)


def metric(name: str) -> Metric:
    """A metric of the semantic models."""
    return load_metrics().metric(name)


def label(name: str) -> str:
    """What a reader calls it."""
    return t(metric(name).label)


def by_month(context: Context, name: str) -> dict[date, Any]:
    """The metric's value in every month that has one."""
    rows = context.rows(compile_metric(load_metrics(), name, ["month"]))
    return {row["month"]: row["value"] for row in rows if row["month"] is not None}


def total(context: Context, name: str) -> Any:
    """The metric over everything; None when this version lacks a mart of it."""
    metrics = load_metrics()
    if not context.known(*metrics.marts(metric(name))):
        return None
    return context.row(compile_metric(metrics, name))["value"]


def compared(context: Context) -> dict[str, Any]:
    """The numbers by which this version is compared, for its ``headline.json``."""
    return {name: _plain(total(context, name)) for name in COMPARED}


def source(context: Context, names: Sequence[str], months: Sequence[date] = ()) -> Source:
    """What several metrics stand on together; their SQL one after the other."""
    by = ["month"] if months else []
    parts = [
        context.source(compile_metric(load_metrics(), name, by), months=months) for name in names
    ]
    marts = {mart[0]: mart for part in parts for mart in part.marts}
    sql = "\n\n".join(f"-- {name}\n{part.sql}" for name, part in zip(names, parts, strict=True))
    return Source(tuple(marts[name] for name in sorted(marts)), parts[0].period, sql)


def write(context: Context, kind: str, value: Any) -> str:
    """A number as its kind is written: count, money, cents, percent, decimal or duration."""
    if kind == "money":
        return context.money.whole(value)
    if kind == "cents":
        return context.money.exact(value)
    return {
        "count": formats.count,
        "percent": formats.percent,
        "decimal": formats.decimal,
        "duration": formats.duration,
    }[kind](value)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else float(value)
