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
    Section,
    Table,
    heat_step,
)
from dagster_project.report.context import Context, Row
from dagster_project.report.language import noted, t
from dagster_project.report.sections import cohort_cuts

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


@dataclass(frozen=True)
class _Kind:
    """How a kind of cohort is called: in a row's head, in a reading, and its period."""

    head: Callable[[date], str]
    name: Callable[[date], str]
    period: str


_MONTH = _Kind(formats.month_short, formats.month_name, noted("period"))
_WEEK = _Kind(
    formats.day_short,
    lambda start: t("of the week of {start}").format(start=formats.day(start)),
    noted("week"),
)
_CLOCK = _Kind(formats.month_short, formats.month_name, noted("span of 30 days"))


def build(context: Context) -> Section:
    """Bounded and unbounded retention by month; folded: worth, weeks, own clock, and cuts."""
    section = {
        "id": "cohorts",
        "title": t("Cohorts"),
        "definition": t(
            "A cohort is the customers whose first sale falls in a calendar month; period k is k "
            "months later. Means are weighted by cohort size and use complete cells only."
        ),
    }
    kinds: dict[str, list[Row]] = {}
    for cell in context.rows(_CELLS):
        kinds.setdefault(cell["period_kind"], []).append(cell)
    if not kinds.get("month"):
        return Section(
            **section, absent=context.absent(t("No sales of identified buyers"), "shop.orders")
        )
    cells, note = _newest(kinds["month"])
    blocks: list[Block] = [
        _map(context, cells, "bounded", t("Bought in period k"), note, _MONTH),
        _map(
            context,
            cells,
            "unbounded",
            t("Bought in period k or later"),
            note,
            _MONTH,
            later="_or_later",
        ),
        Folded(
            t("What a cohort is worth, and when it has paid for itself"),
            [_value_map(context, cells), _worth(context)],
        ),
    ]
    if kinds.get("week"):
        weeks, note = _newest(kinds["week"])
        table = _map(
            context, weeks, "week", t("Bought in the k-th week after the first sale's"), note, _WEEK
        )
        blocks.append(Folded(t("By week"), [table]))
    if kinds.get("rolling_30d"):
        spans, note = _newest(kinds["rolling_30d"])
        caption = t("Bought in the k-th span of 30 days since their own first sale")
        blocks.append(
            Folded(
                t("By each customer's own clock"),
                [_map(context, spans, "clock", caption, note, _CLOCK)],
            )
        )
    cuts = cohort_cuts.blocks(context)
    if cuts:
        blocks.append(Folded(t("By channel, category, region and segment"), cuts))
    return Section(**section, blocks=blocks)


def _newest(cells: list[Row]) -> tuple[list[Row], str]:
    """The cells that a screen holds, and what is to be said about them."""
    starts = sorted({cell["cohort_start"] for cell in cells})
    shown = set(starts[-_COHORTS:])
    cells = [c for c in cells if c["cohort_start"] in shown and c["period_number"] <= _PERIODS]
    note = ""
    if not all(cell["is_complete"] for cell in cells):
        note = t("Hatched cells belong to a period that has not ended; they can still grow.")
    if len(starts) > _COHORTS:
        more = t("Shown are the {shown} newest of {n} cohorts.")
        note = f"{note} {more.format(shown=_COHORTS, n=len(starts))}".strip()
    return cells, note


def _grid(cells: list[Row]) -> tuple[dict[tuple[date, int], Row], list[date], list[int]]:
    grid = {(cell["cohort_start"], cell["period_number"]): cell for cell in cells}
    starts = sorted({start for start, _ in grid})
    return grid, starts, sorted({period for _, period in grid})


def _columns(periods: list[int]) -> list[Column]:
    return [
        Column(t("Cohort"), "text"),
        Column(t("Size")),
        *(
            Column(str(period), "heat", hint=t("period {period}").format(period=period))
            for period in periods
        ),
    ]


def _head(
    cells: dict[tuple[date, int], Row], start: date, periods: list[int], kind: _Kind
) -> list[Cell]:
    size = next((cells[start, p]["cohort_size"] for p in periods if (start, p) in cells), None)
    return [Cell(kind.head(start)), Cell(formats.count(size), size)]


def _map(
    context: Context,
    cells: list[Row],
    key: str,
    caption: str,
    note: str,
    kind: _Kind,
    later: str = "",
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
        tip = t("Cohort {start}, {period} {number}\n{found} of {size} customers, {share}").format(
            start=kind.name(start),
            period=t(kind.period),
            number=period,
            found=formats.count(found[active]),
            size=formats.count(found["cohort_size"]),
            share=formats.percent(share),
        )
        return Cell(
            formats.percent(share, 0),
            found[rate],
            heat=heat_step(share, top) if period > 0 else None,
            is_incomplete=is_open,
            tip=tip + ("\n" + t("period not complete") if is_open else ""),
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
        total=[Cell(t("Weighted mean")), Cell(""), *(mean(period) for period in periods)],
        note=note,
        is_wide=True,
        is_heat=True,
        source=context.source(_CELLS),
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
                t("Cohort {start}, up to period {period}\n{value} per customer").format(
                    start=formats.month_name(start), period=period, value=context.money.exact(value)
                )
            ),
        )

    return Table(
        "cohorts-value",
        t("Net revenue of the cohort up to period k, per customer of the cohort"),
        _columns(periods),
        [[*_head(grid, s, periods, _MONTH), *(cell(s, p) for p in periods)] for s in starts],
        is_wide=True,
        is_heat=True,
        source=context.source(_CELLS),
    )


def _worth(context: Context) -> Table:
    rows = context.rows(_WORTH)[-_COHORTS:]

    def payback(row: Row) -> Cell:
        if row["payback"] is not None:
            return Cell(t("period {payback}").format(payback=row["payback"]), row["payback"])
        return Cell(t("not yet") if row["has_ratio"] else formats.NO_VALUE)

    def margin(row: Row) -> Cell:
        if row["margin"] is None or not row["customers"]:
            return Cell(formats.NO_VALUE)
        each = row["margin"] / row["customers"]
        return Cell(context.money.exact(each), each)

    return Table(
        "cohorts-payback",
        t("What a customer has brought so far, and cost"),
        [
            Column(t("Cohort"), "text"),
            Column(t("Size")),
            Column(t("Net revenue each")),
            Column(t("Known margin each")),
            Column(t("Revenue of known margin")),
            Column(t("Acquisition cost each")),
            Column(t("Paid back in")),
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
            t(
                "Cost is the month's ad spend over all of its new customers, whatever brought "
                "them. It is paid back by the margin of sales whose goods have a known cost, and "
                "of them alone."
            )
        ),
        is_wide=True,
        source=context.source(_WORTH),
    )
