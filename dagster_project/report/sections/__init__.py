"""One module per part of the page; each has ``build(context) -> Section``, here in reading order.

A section asks whole marts with one or two queries, shapes the answer into blocks, and says so when
its source was not delivered.
"""

from collections.abc import Callable

from dagster_project.report.blocks import Section
from dagster_project.report.context import Context
from dagster_project.report.sections import (
    attribution,
    campaigns,
    checks,
    cohorts,
    customers,
    feedback,
    forecast,
    identity,
    loading,
    overview,
    products,
    retention,
    returns,
    revenue,
    segments,
    service,
    value,
)

SECTIONS: tuple[Callable[[Context], Section], ...] = (
    overview.build,
    revenue.build,
    retention.build,
    cohorts.build,
    attribution.build,
    campaigns.build,
    customers.build,
    segments.build,
    value.build,
    products.build,
    forecast.build,
    returns.build,
    service.build,
    feedback.build,
    identity.build,
    loading.build,
    checks.build,
)

__all__ = ["SECTIONS"]
