"""Cohorts by the period of the first sale, as heat maps, and what sets them apart."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from dagster_project.report import formats
from dagster_project.report.blocks import (
    Block,
    Cell,
    Column,
    Folded,
    Note,
    Section,
    Table,
    heat_step,
)
from dagster_project.report.context import Context, Row

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("cohort_retention", "cohort_retention_by")

# Newest cohorts shown, and periods of each: what a wide screen holds.
_COHORTS = 24
_PERIODS = 24

_CELLS = """
    select
        period_kind, cohort_start, period_number, cohort_size, active_customers,
        active_or_later_customers, retention_rate, retention_rate_or_later,
        cumulative_net_revenue, is_complete
    from cohort_retention
    where period_kind is not null and cohort_start is not null and period_number is not null
    order by period_kind, cohort_start, period_number
"""

_WORTH = """
    select
        cohort_start, max(cohort_size) as customers,
        arg_max(cumulative_revenue_per_customer, period_number) as revenue,
        arg_max(cumulative_known_margin, period_number) as margin,
        arg_max(margin_known_share, period_number) as known,
        max(acquisition_cost) as cost, max(payback_ratio) is not null as has_ratio,
        max(payback_period) as payback
    from cohort_retention
    where period_kind = 'month' and cohort_start is not null
    group by cohort_start
    order by cohort_start
"""

# Periods of 30 days after which the cuts are compared: a month, a quarter, half a year, a year.
_LATER = (1, 3, 6, 12)

_CUTS = """
    select
        dimension, dimension_value as name, period_number,
        sum(cohort_size) as customers, sum(active_customers) as active
    from cohort_retention_by
    where
        period_kind = 'rolling_30d' and is_complete and dimension is not null
        and dimension_value is not null
    group by 1, 2, 3
"""

_DIMENSIONS = {
    "acquisition_channel": "Acquisition channel",
    "first_category": "First category",
    "first_sales_channel": "First sales channel",
    "region": "Region",
    "segment": "Segment of today",
}


@dataclass(frozen=True)
class _Kind:
    """How a kind of cohort is called: in a row's head, in a reading, and its period."""

    head: Callable[[date], str]
    name: Callable[[date], str]
    period: str


_MONTH = _Kind(formats.month_short, formats.month_name, "period")
_WEEK = _Kind(formats.day_short, lambda start: f"of the week of {formats.day(start)}", "week")
_CLOCK = _Kind(formats.month_short, formats.month_name, "span of 30 days")


def build(context: Context) -> Section:
    """Bounded and unbounded retention by month; folded: worth, weeks, own clock, and cuts."""
    section = {
        "id": "cohorts",
        "title": "Cohorts",
        "definition": (
            "A cohort is the customers whose first sale falls in a calendar month; period k is k "
            "months later. The first map counts who bought in period k, the second who bought in "
            "period k or later; both divide by the size of the cohort. Means are weighted by "
            "cohort size and use complete cells only."
        ),
    }
    kinds: dict[str, list[Row]] = {}
    for cell in context.rows(_CELLS):
        kinds.setdefault(cell["period_kind"], []).append(cell)
    if not kinds.get("month"):
        return Section(
            **section, absent=context.absent("sales of identified buyers", "shop.orders")
        )
    cells, note = _newest(kinds["month"])
    blocks: list[Block] = [
        _map(cells, "bounded", "Bought in period k", note, _MONTH),
        _map(cells, "unbounded", "Bought in period k or later", note, _MONTH, later="_or_later"),
        Folded(
            "What a cohort is worth, and when it has paid for itself",
            [_value_map(context, cells), _worth(context)],
        ),
    ]
    if kinds.get("week"):
        weeks, note = _newest(kinds["week"])
        table = _map(weeks, "week", "Bought in the k-th week after the first sale's", note, _WEEK)
        blocks.append(Folded("By week", [table]))
    if kinds.get("rolling_30d"):
        spans, note = _newest(kinds["rolling_30d"])
        caption = "Bought in the k-th span of 30 days since their own first sale"
        blocks.append(
            Folded("By each customer's own clock", [_map(spans, "clock", caption, note, _CLOCK)])
        )
    cuts = _cuts(context)
    if cuts:
        blocks.append(Folded("By channel, category, region and segment", cuts))
    return Section(**section, blocks=blocks)


def _newest(cells: list[Row]) -> tuple[list[Row], str]:
    """The cells that a screen holds, and what is to be said about them."""
    starts = sorted({cell["cohort_start"] for cell in cells})
    shown = set(starts[-_COHORTS:])
    cells = [c for c in cells if c["cohort_start"] in shown and c["period_number"] <= _PERIODS]
    note = ""
    if not all(cell["is_complete"] for cell in cells):
        note = "Hatched cells belong to a period that has not ended; they can still grow."
    if len(starts) > _COHORTS:
        note = f"{note} Shown are the {_COHORTS} newest of {len(starts)} cohorts.".strip()
    return cells, note


def _grid(cells: list[Row]) -> tuple[dict[tuple[date, int], Row], list[date], list[int]]:
    grid = {(cell["cohort_start"], cell["period_number"]): cell for cell in cells}
    starts = sorted({start for start, _ in grid})
    return grid, starts, sorted({period for _, period in grid})


def _columns(periods: list[int]) -> list[Column]:
    return [
        Column("Cohort", "text"),
        Column("Size"),
        *(Column(str(period), "heat", hint=f"period {period}") for period in periods),
    ]


def _head(
    cells: dict[tuple[date, int], Row], start: date, periods: list[int], kind: _Kind
) -> list[Cell]:
    size = next((cells[start, p]["cohort_size"] for p in periods if (start, p) in cells), None)
    return [Cell(kind.head(start)), Cell(formats.count(size), size)]


def _map(
    cells: list[Row], key: str, caption: str, note: str, kind: _Kind, later: str = ""
) -> Table:
    rate = f"retention_rate{later}"
    active = f"active{later}_customers"
    grid, starts, periods = _grid(cells)
    # Period 0 is always everybody and would use up the whole scale.
    rates = [float(c[rate]) for c in cells if c["period_number"] > 0 and c[rate] is not None]
    top = max(rates, default=0.0)

    def cell(start: date, period: int) -> Cell:
        found = grid.get((start, period))
        if found is None or found[rate] is None:
            return Cell("")
        share = float(found[rate])
        is_open = not found["is_complete"]
        tip = (
            f"Cohort {kind.name(start)}, {kind.period} {period}\n"
            f"{formats.count(found[active])} of {formats.count(found['cohort_size'])} customers, "
            f"{formats.percent(share)}"
        )
        return Cell(
            formats.percent(share, 0),
            found[rate],
            heat=heat_step(share, top) if period > 0 else None,
            is_incomplete=is_open,
            tip=tip + ("\nperiod not complete" if is_open else ""),
        )

    def mean(period: int) -> Cell:
        complete = [
            c
            for c in cells
            if c["period_number"] == period and c["is_complete"] and c[rate] is not None
        ]
        size = sum(c["cohort_size"] for c in complete)
        if not size:
            return Cell("")
        share = sum(c[active] for c in complete) / size
        return Cell(formats.percent(share, 0), share)

    return Table(
        f"cohorts-{key}",
        caption,
        _columns(periods),
        [[*_head(grid, s, periods, kind), *(cell(s, p) for p in periods)] for s in starts],
        total=[Cell("Weighted mean"), Cell(""), *(mean(period) for period in periods)],
        note=note,
        is_wide=True,
        is_heat=True,
    )


def _value_map(context: Context, cells: list[Row]) -> Table:
    grid, starts, periods = _grid(cells)

    def per_customer(start: date, period: int) -> float | None:
        found = grid.get((start, period))
        if found is None or found["cumulative_net_revenue"] is None or not found["cohort_size"]:
            return None
        return float(found["cumulative_net_revenue"]) / found["cohort_size"]

    values = [v for s in starts for p in periods if (v := per_customer(s, p)) is not None]
    top = max(values, default=0.0)

    def cell(start: date, period: int) -> Cell:
        value = per_customer(start, period)
        if value is None:
            return Cell("")
        return Cell(
            context.money.short(value),
            value,
            heat=heat_step(value, top),
            is_incomplete=not grid[start, period]["is_complete"],
            tip=(
                f"Cohort {formats.month_name(start)}, up to period {period}\n"
                f"{context.money.exact(value)} per customer"
            ),
        )

    return Table(
        "cohorts-value",
        "Net revenue of the cohort up to period k, per customer of the cohort",
        _columns(periods),
        [[*_head(grid, s, periods, _MONTH), *(cell(s, p) for p in periods)] for s in starts],
        is_wide=True,
        is_heat=True,
    )


def _worth(context: Context) -> Table:
    rows = context.rows(_WORTH)[-_COHORTS:]

    def payback(row: Row) -> Cell:
        if row["payback"] is not None:
            return Cell(f"period {row['payback']}", row["payback"])
        return Cell("not yet" if row["has_ratio"] else formats.NO_VALUE)

    def margin(row: Row) -> Cell:
        if row["margin"] is None or not row["customers"]:
            return Cell(formats.NO_VALUE)
        each = row["margin"] / row["customers"]
        return Cell(context.money.exact(each), each)

    return Table(
        "cohorts-payback",
        "What a customer has brought so far, and cost",
        [
            Column("Cohort", "text"),
            Column("Size"),
            Column("Net revenue each"),
            Column("Known margin each"),
            Column("Revenue of known margin"),
            Column("Acquisition cost each"),
            Column("Paid back in"),
        ],
        [
            [
                Cell(formats.month_short(row["cohort_start"])),
                Cell(formats.count(row["customers"]), row["customers"]),
                Cell(context.money.exact(row["revenue"]), row["revenue"]),
                margin(row),
                Cell(formats.percent(row["known"], 0), row["known"]),
                Cell(context.money.exact(row["cost"]), row["cost"]),
                payback(row),
            ]
            for row in rows
        ],
        note=(
            "Cost is the month's ad spend over all of its new customers, whatever brought them. It "
            "is paid back by the margin of sales whose goods have a known cost, and of them alone."
        ),
        is_wide=True,
    )


def _cuts(context: Context) -> list[Block]:
    """A table per dimension: who bought so long after, among cohorts that are old enough."""
    found: dict[str, dict[str, dict[int, Row]]] = {}
    for row in context.rows(_CUTS):
        values = found.setdefault(row["dimension"], {})
        values.setdefault(row["name"], {})[row["period_number"]] = row

    def rate(periods: dict[int, Row], period: int) -> float | None:
        row = periods.get(period)
        return float(row["active"] / row["customers"]) if row and row["customers"] else None

    def share(periods: dict[int, Row], period: int, top: float) -> Cell:
        value = rate(periods, period)
        if value is None:
            return Cell("")
        row = periods[period]
        return Cell(
            formats.percent(value, 0),
            value,
            heat=heat_step(value, top),
            tip=(
                f"{formats.count(row['active'])} of {formats.count(row['customers'])} customers "
                f"bought {30 * period} to {30 * period + 29} days after their first sale"
            ),
        )

    blocks: list[Block] = []
    unknown: list[str] = []
    for dimension, label in _DIMENSIONS.items():
        values = found.get(dimension, {})
        ranked = sorted(
            ((name, periods) for name, periods in values.items() if 0 in periods),
            key=lambda pair: (-pair[1][0]["customers"], pair[0]),
        )
        if not ranked:
            continue
        if [name for name, _ in ranked] == ["(none)"]:
            unknown.append(label.lower())
            continue
        shown = ranked[:_COHORTS]
        rates = [rate(periods, period) for _, periods in shown for period in _LATER]
        top = max((value for value in rates if value is not None), default=0.0)
        blocks.append(
            Table(
                f"cohorts-by-{dimension.replace('_', '-')}",
                f"Bought in the 30 days from that day after the first sale, by {label.lower()}",
                [
                    Column(label, "text"),
                    Column("Customers"),
                    *(Column(f"Day {30 * p}", "heat") for p in _LATER),
                ],
                [
                    [
                        Cell(formats.words(name)),
                        Cell(formats.count(periods[0]["customers"]), periods[0]["customers"]),
                        *(share(periods, period, top) for period in _LATER),
                    ]
                    for name, periods in shown
                ],
                note=(
                    "Segments are made by what customers did since: these rows describe outcomes "
                    "and predict nothing."
                    if dimension == "segment"
                    else None
                ),
                is_heat=True,
            )
        )
    if unknown:
        blocks.append(Note(f"No customer has one, so there is no table: {', '.join(unknown)}."))
    return blocks
