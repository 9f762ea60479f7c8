"""How people were served, month by month, and what they did after."""

from datetime import date

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Figure, Folded, Section, Table
from dagster_project.report.charts import Series, time_plot
from dagster_project.report.context import CHART_MONTHS, Context, Row, add_months, month_range
from dagster_project.report.language import noted, t
from dagster_project.transform.thresholds import threshold

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("service_impact", "service_quality")

_SUMS = """
        sum(offered) as offered, sum(answered) as answered, sum(answered_timed) as answered_timed,
        sum(answered_in_time) as in_time, sum(abandoned) as abandoned,
        sum(abandoned_short) as short_abandoned, sum(wait_seconds) as wait_seconds,
        sum(handled) as handled, sum(handle_seconds) as handle_seconds,
        sum(fcr_calls) as fcr_calls, sum(fcr_resolved) as fcr_resolved
    from service_quality
"""

_MONTHLY = f"""
    select date_trunc('month', call_date)::date as month, {_SUMS}
    where call_date is not null and offered is not null
    group by 1
    order by 1
"""

# The last twelve months, so that who left long ago is not in the list.
_GROUPED = f"""
    select $column as name, {_SUMS}
    where call_date >= $since and offered is not null
    group by 1
    order by offered desc, name
"""

_IMPACT = """
    select
        experience, customers, repurchase_rate, rate_low, rate_high, difference, difference_low,
        difference_high
    from service_impact
    where value_band = 'all' and experience in ('no_contact', 'well_served', 'badly_served')
    order by experience = 'no_contact' desc, experience = 'well_served' desc
"""

_EXPERIENCES = {
    "no_contact": noted("No contact"),
    "well_served": noted("Contacts, all well served"),
    "badly_served": noted("A contact that went badly"),
}
_SHOWN = 20


def build(context: Context) -> Section:
    """Service level and abandon rate over time, queues and agents, and what follows a contact."""
    section = {
        "id": "service",
        "title": t("Service"),
        "definition": "",
    }
    blocks: list[Block] = []
    rows = context.rows(_MONTHLY)
    if any(row["offered"] for row in rows):
        blocks.append(_figure(context, {row["month"]: row for row in rows}))
        queues = _grouped(context, "queue", t("Queue"), t("Inbound calls by queue, last 12 months"))
        agents = _grouped(
            context, "agent_id", t("Agent"), t("Inbound calls by agent, last 12 months")
        )
        if queues.rows:
            blocks.append(Folded(t("Queues and agents"), [queues, agents]))
    impact = context.rows(_IMPACT)
    if impact:
        blocks.append(_impact(context, impact))
    if not blocks:
        return Section(**section, absent=context.absent(t("No inbound calls"), "call_center.calls"))
    return Section(**section, blocks=blocks)


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _level(row: Row) -> float | None:
    return _ratio(row["in_time"], row["offered"] - row["answered"] + row["answered_timed"])


def _abandoned(row: Row) -> float | None:
    # A call given up at once did not wait for anybody: it counts on neither side.
    short = row["short_abandoned"]
    return _ratio(row["abandoned"] - short, row["offered"] - short)


def _columns() -> list[Column]:
    return [
        Column(t("Offered")),
        Column(t("Answered")),
        Column(t("Service level")),
        Column(t("Abandon rate")),
        Column(t("Mean wait")),
        Column(t("Handling")),
        Column(t("First contact")),
    ]


def _cells(row: Row) -> list[Cell]:
    wait = _ratio(row["wait_seconds"], row["answered_timed"])
    handling = _ratio(row["handle_seconds"], row["handled"])
    level, abandoned = _level(row), _abandoned(row)
    resolved = _ratio(row["fcr_resolved"], row["fcr_calls"])
    return [
        Cell(formats.count(row["offered"]), row["offered"]),
        Cell(formats.count(row["answered"]), row["answered"]),
        Cell(formats.percent(level), level),
        Cell(formats.percent(abandoned), abandoned),
        Cell(formats.duration(wait), wait),
        Cell(formats.duration(handling), handling),
        Cell(formats.percent(resolved), resolved),
    ]


def _figure(context: Context, found: dict[date, Row]) -> Figure:
    last = context.as_of.replace(day=1)
    months = month_range(max(min(found), add_months(last, 1 - CHART_MONTHS)), last)
    nothing = dict.fromkeys(
        (
            "offered",
            "answered",
            "answered_timed",
            "in_time",
            "abandoned",
            "short_abandoned",
            "wait_seconds",
            "handled",
            "handle_seconds",
            "fcr_calls",
            "fcr_resolved",
        ),
        0,
    )
    rows = [found.get(month, nothing) for month in months]
    table = Table(
        "service-table",
        t("Inbound calls by month"),
        [Column(t("Month"), "text"), *_columns()],
        [
            [
                Cell(
                    formats.month_short(month),
                    is_incomplete=month > context.last_complete_month,
                ),
                *_cells(row),
            ]
            for month, row in zip(months, rows, strict=True)
        ],
        is_wide=True,
        source=context.source(_MONTHLY, months=months),
    )
    plot = time_plot(
        months,
        [
            Series(t("Service level"), [_level(row) for row in rows]),
            Series(t("Abandon rate"), [_abandoned(row) for row in rows]),
        ],
        axis=formats.axis_percent,
        reading=formats.percent,
        complete_until=context.last_complete_month,
    )
    return Figure("service-chart", t("Service level and abandon rate, by month"), plot, table)


def _grouped(context: Context, column: str, label: str, caption: str) -> Table:
    since = add_months(context.as_of.replace(day=1), -11)
    rows = context.rows(_GROUPED.replace("$column", column), {"since": since})
    note = None
    if len(rows) > _SHOWN:
        note = t("Shown are the {shown} with most calls of {n}.").format(shown=_SHOWN, n=len(rows))
    return Table(
        f"service-by-{column.replace('_', '-')}",
        caption,
        [Column(label, "text"), *_columns()],
        [[Cell(formats.clean(row["name"])), *_cells(row)] for row in rows[:_SHOWN]],
        note=note,
        is_wide=True,
        source=context.source(
            _GROUPED.replace("$column", column),
            {"since": since},
            first=since,
            last=context.as_of.replace(day=1),
        ),
    )


def _interval(low: float | None, high: float | None, *, is_difference: bool = False) -> str:
    if low is None or high is None:
        return formats.NO_VALUE
    if is_difference:
        return t("{low} to {high}").format(low=formats.points(low), high=formats.points(high))
    return t("{low} to {high}").format(low=formats.percent(low), high=formats.percent(high))


def _experience(row: Row) -> str:
    code = row["experience"]
    return t(_EXPERIENCES[code])


def _impact(context: Context, rows: list[Row]) -> Table:
    return Table(
        "service-impact",
        t("Bought again within {days} days, by how they were served").format(
            days=threshold("service_outcome_days")
        ),
        [
            Column(
                t("Within {days} days of a sale").format(days=threshold("service_contact_days")),
                "text",
            ),
            Column(t("Customers")),
            Column(t("Bought again")),
            Column(t("95% interval")),
            Column(t("Points above no contact")),
            Column(t("95% interval")),
        ],
        [
            [
                Cell(_experience(row)),
                Cell(formats.count(row["customers"]), row["customers"]),
                Cell(formats.percent(row["repurchase_rate"]), row["repurchase_rate"]),
                Cell(_interval(row["rate_low"], row["rate_high"])),
                Cell(formats.points(row["difference"]), row["difference"]),
                Cell(_interval(row["difference_low"], row["difference_high"], is_difference=True)),
            ]
            for row in rows
        ],
        note=(
            t(
                "One sale per customer, drawn by lot. The difference compares customers who had "
                "been worth as much before, as good customers call more; an interval that holds "
                "0 shows no difference. It is no experiment: other causes remain."
            )
        ),
        is_wide=True,
        source=context.source(_IMPACT),
    )
