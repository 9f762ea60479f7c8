"""Report sections: one module per part, each with ``MARTS`` and ``build(context) -> Section``.

A section asks whole marts with one or two queries, shapes the answer into blocks, and says so when
its source was not delivered. ``MARTS`` names every mart that it reads; the exposures of dbt are
made from it.
"""

from types import ModuleType

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

# In reading order.
SECTIONS: tuple[ModuleType, ...] = (
    overview,
    revenue,
    retention,
    cohorts,
    attribution,
    campaigns,
    customers,
    segments,
    value,
    products,
    forecast,
    returns,
    service,
    feedback,
    identity,
    loading,
    checks,
)

__all__ = ["SECTIONS"]
