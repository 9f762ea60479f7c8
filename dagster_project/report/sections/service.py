"""The call centre, month by month."""

from datetime import date

from dagster_project.report import formats
from dagster_project.report.blocks import Cell, Column, Figure, Section, Table
from dagster_project.report.charts import Series, time_plot
from dagster_project.report.context import CHART_MONTHS, Context, Row, add_months, month_range

# Seconds within which an answered call counts for the service level.
_SERVICE_SECONDS = 20

_MONTHLY = """
    select
        date_trunc('month', call_date)::date as month,
        count(*) filter (where direction = 'inbound') as offered,
        count(*) filter (where direction = 'inbound' and disposition = 'answered') as answered,
        count(*) filter (
            where direction = 'inbound' and disposition = 'answered' and wait_seconds <= $within
        ) as in_time,
        count(*) filter (
            where direction = 'inbound' and disposition = 'abandoned'
        ) as abandoned,
        count(*) filter (where direction = 'inbound' and is_short_abandon) as short_abandoned,
        avg(wait_seconds) filter (
            where direction = 'inbound' and disposition = 'answered'
        ) as average_wait,
        avg(
            coalesce(talk_seconds, 0) + coalesce(hold_seconds, 0) + coalesce(wrap_up_seconds, 0)
        ) filter (
            where direction = 'inbound' and disposition = 'answered' and talk_seconds is not null
        ) as handle_time
    from calls
    where call_date is not null
    group by 1
    order by 1
"""


def build(context: Context) -> Section:
    """Service level and abandon rate over time, with volumes and times in the table."""
    section = {
        "id": "service",
        "title": "Service",
        "definition": (
            f"Service level: inbound calls answered within {_SERVICE_SECONDS} seconds over all "
            "offered. Abandon rate: abandoned over offered, without those given up in under 10 "
            "seconds. Wait is the mean of answered calls; handling is talk, hold and wrap-up per "
            "answered call."
        ),
    }
    rows = context.rows(_MONTHLY, {"within": _SERVICE_SECONDS})
    if not any(row["offered"] for row in rows):
        return Section(**section, absent=context.absent("inbound calls", "call_center.calls"))
    return Section(**section, blocks=[_figure(context, {row["month"]: row for row in rows})])


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _figure(context: Context, found: dict[date, Row]) -> Figure:
    last = context.as_of.replace(day=1)
    months = month_range(max(min(found), add_months(last, 1 - CHART_MONTHS)), last)
    counts = dict.fromkeys(("offered", "answered", "in_time", "abandoned", "short_abandoned"), 0)
    nothing = {**counts, "average_wait": None, "handle_time": None}
    rows = [found.get(month, nothing) for month in months]
    levels = [_ratio(row["in_time"], row["offered"]) for row in rows]
    # A call given up at once did not wait for anybody: it counts on neither side.
    abandoned = [
        _ratio(row["abandoned"] - row["short_abandoned"], row["offered"] - row["short_abandoned"])
        for row in rows
    ]
    table = Table(
        "service-table",
        "Inbound calls by month",
        [
            Column("Month", "text"),
            Column("Offered"),
            Column("Answered"),
            Column("Service level"),
            Column("Abandon rate"),
            Column("Mean wait"),
            Column("Handling"),
        ],
        [
            [
                Cell(
                    formats.month_short(month),
                    is_incomplete=month > context.last_complete_month,
                ),
                Cell(formats.count(row["offered"]), row["offered"]),
                Cell(formats.count(row["answered"]), row["answered"]),
                Cell(formats.percent(level), level),
                Cell(formats.percent(rate), rate),
                Cell(formats.duration(row["average_wait"]), row["average_wait"]),
                Cell(formats.duration(row["handle_time"]), row["handle_time"]),
            ]
            for month, row, level, rate in zip(months, rows, levels, abandoned, strict=True)
        ],
        is_wide=True,
    )
    plot = time_plot(
        months,
        [Series("Service level", levels), Series("Abandon rate", abandoned)],
        axis=formats.axis_percent,
        reading=formats.percent,
        complete_until=context.last_complete_month,
    )
    return Figure("service-chart", "Service level and abandon rate, by month", plot, table)
