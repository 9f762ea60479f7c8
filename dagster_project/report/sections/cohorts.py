"""Cohorts by month of the first sale, as two heat maps."""

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Folded, Section, Table, heat_step
from dagster_project.report.context import Context, Row

# Newest cohorts shown, and periods of each: what a wide screen holds.
_COHORTS = 24
_PERIODS = 24

_CELLS = """
    select
        cohort_start, period_number, cohort_size, active_customers, active_or_later_customers,
        retention_rate, retention_rate_or_later, net_revenue, cumulative_net_revenue, is_complete
    from cohort_retention
    where period_kind = 'month' and cohort_start is not null and period_number is not null
    order by cohort_start, period_number
"""


def build(context: Context) -> Section:
    """Bounded and unbounded retention, and the cumulative revenue per customer."""
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
    cells = context.rows(_CELLS)
    if not cells:
        return Section(
            **section, absent=context.absent("sales of identified buyers", "shop.orders")
        )
    starts = sorted({cell["cohort_start"] for cell in cells})
    shown = set(starts[-_COHORTS:])
    cells = [c for c in cells if c["cohort_start"] in shown and c["period_number"] <= _PERIODS]
    note = ""
    if not all(cell["is_complete"] for cell in cells):
        note = "Hatched cells belong to a period that has not ended; they can still grow."
    if len(starts) > _COHORTS:
        note = f"{note} Shown are the {_COHORTS} newest of {len(starts)} cohorts.".strip()
    blocks: list[Block] = [
        _map(cells, "bounded", "Bought in period k", "retention_rate", "active_customers", note),
        _map(
            cells,
            "unbounded",
            "Bought in period k or later",
            "retention_rate_or_later",
            "active_or_later_customers",
            note,
        ),
        Folded("Cumulative net revenue per customer", [_value_map(context, cells)]),
    ]
    return Section(**section, blocks=blocks)


def _grid(cells: list[Row]) -> tuple[dict[tuple[object, int], Row], list[object], list[int]]:
    grid = {(cell["cohort_start"], cell["period_number"]): cell for cell in cells}
    starts = sorted({start for start, _ in grid})
    return grid, starts, sorted({period for _, period in grid})


def _columns(periods: list[int]) -> list[Column]:
    return [
        Column("Cohort", "text"),
        Column("Size"),
        *(Column(str(period), "heat", hint=f"period {period}") for period in periods),
    ]


def _head(cells: dict[tuple[object, int], Row], start: object, periods: list[int]) -> list[Cell]:
    size = next((cells[start, p]["cohort_size"] for p in periods if (start, p) in cells), None)
    return [Cell(formats.month_short(start)), Cell(formats.count(size), size)]


def _map(cells: list[Row], key: str, caption: str, rate: str, active: str, note: str) -> Table:
    grid, starts, periods = _grid(cells)
    # Period 0 is always everybody and would use up the whole scale.
    later = [float(c[rate]) for c in cells if c["period_number"] > 0 and c[rate] is not None]
    top = max(later, default=0.0)

    def cell(start: object, period: int) -> Cell:
        found = grid.get((start, period))
        if found is None or found[rate] is None:
            return Cell("")
        share = float(found[rate])
        is_open = not found["is_complete"]
        tip = (
            f"Cohort {formats.month_name(start)}, period {period}\n"
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
        [[*_head(grid, s, periods), *(cell(s, p) for p in periods)] for s in starts],
        total=[Cell("Weighted mean"), Cell(""), *(mean(period) for period in periods)],
        note=note,
        is_wide=True,
        is_heat=True,
    )


def _value_map(context: Context, cells: list[Row]) -> Table:
    grid, starts, periods = _grid(cells)

    def per_customer(start: object, period: int) -> float | None:
        found = grid.get((start, period))
        if found is None or found["cumulative_net_revenue"] is None or not found["cohort_size"]:
            return None
        return float(found["cumulative_net_revenue"]) / found["cohort_size"]

    values = [v for s in starts for p in periods if (v := per_customer(s, p)) is not None]
    top = max(values, default=0.0)

    def cell(start: object, period: int) -> Cell:
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
        [[*_head(grid, s, periods), *(cell(s, p) for p in periods)] for s in starts],
        is_wide=True,
        is_heat=True,
    )
