"""Cohorts by channel, category, region and segment: who bought so long after the first sale."""

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Note, Table, heat_step
from dagster_project.report.context import Context, Row
from dagster_project.report.language import noted, t

# Values of a dimension that a screen holds.
_SHOWN = 24

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
    "acquisition_channel": noted("Acquisition channel"),
    "first_category": noted("First category"),
    "first_sales_channel": noted("First sales channel"),
    "region": noted("Region"),
    "segment": noted("Segment of today"),
}


def blocks(context: Context) -> list[Block]:
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
                t(
                    "{active} of {customers} customers bought {first} to {last} days after "
                    "their first sale"
                ).format(
                    active=formats.count(row["active"]),
                    customers=formats.count(row["customers"]),
                    first=30 * period,
                    last=30 * period + 29,
                )
            ),
        )

    found_blocks: list[Block] = []
    unknown: list[str] = []
    for dimension, name in _DIMENSIONS.items():
        label = t(name)
        values = found.get(dimension, {})
        ranked = sorted(
            ((name, periods) for name, periods in values.items() if 0 in periods),
            key=lambda pair: (-pair[1][0]["customers"], pair[0]),
        )
        if not ranked:
            continue
        if [name for name, _ in ranked] == ["(none)"]:
            unknown.append(formats.first_small(label))
            continue
        shown = ranked[:_SHOWN]
        rates = [rate(periods, period) for _, periods in shown for period in _LATER]
        top = max((value for value in rates if value is not None), default=0.0)
        found_blocks.append(
            Table(
                f"cohorts-by-{dimension.replace('_', '-')}",
                t("Bought in the 30 days from that day after the first sale, by {label}").format(
                    label=formats.first_small(label)
                ),
                [
                    Column(label, "text"),
                    Column(t("Customers")),
                    *(Column(t("Day {value}").format(value=30 * p), "heat") for p in _LATER),
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
                    t(
                        "Segments are made by what customers did since: these rows describe "
                        "outcomes and predict nothing."
                    )
                    if dimension == "segment"
                    else None
                ),
                is_heat=True,
                source=context.source(_CUTS),
            )
        )
    if unknown:
        found_blocks.append(
            Note(
                t("No customer has one, so there is no table: {unknown}.").format(
                    unknown=", ".join(unknown)
                )
            )
        )
    return found_blocks
