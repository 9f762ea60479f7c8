"""Value of groups: what a customer of each is worth, and when half and nine tenths come back."""

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Folded, Section, Table, bar_share
from dagster_project.report.context import Context, Row
from dagster_project.report.language import noted, nt, t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("value_by_segment",)

_SHOWN = 15

_GROUPS = """
    select * from value_by_segment
    where dimension is not null and dimension_value is not null
    order by dimension, net_revenue desc, dimension_value
"""

# The first stands open, the others are folded.
_DIMENSIONS = (
    ("rfm_segment", noted("Value by RFM segment")),
    ("acquisition_channel", noted("Value by first channel")),
    ("first_category", noted("Value by first category")),
    ("region", noted("Value by region")),
    ("value_tier", noted("Value by value tier")),
)


def build(context: Context) -> Section:
    """A table per dimension, each with the line of all customers below."""
    section = {
        "id": "segment-value",
        "title": t("What a customer of a group is worth"),
        "definition": t(
            "R: so many days after the first sale, half and nine tenths of those who return have "
            "returned. M: the average value of an order. Figures of a group, never of one person."
        ),
    }
    rows = context.rows(_GROUPS)
    total = next((row for row in rows if row["is_total"]), None)
    if total is None:
        return Section(**section, absent=context.absent(t("No sales"), "shop.orders"))
    tables = [
        _table(context, dimension, t(caption), found, total)
        for dimension, caption in _DIMENSIONS
        if (found := [row for row in rows if row["dimension"] == dimension])
    ]
    blocks: list[Block] = list(tables[:1])
    if tables[1:]:
        blocks.append(
            Folded(t("By first channel, first category, region and tier"), list(tables[1:]))
        )
    return Section(**section, blocks=blocks)


def _table(context: Context, dimension: str, caption: str, rows: list[Row], total: Row) -> Table:
    rest = len(rows) - _SHOWN
    top = max((row["ltv_simple"] or 0 for row in rows[:_SHOWN]), default=0)
    return Table(
        f"segment-value-{dimension.replace('_', '-')}",
        caption,
        [
            Column(t("Group"), "text"),
            Column(t("Customers")),
            Column(t("Worth so far")),
            Column(t("Expected in 12 months")),
            Column(t("M: average order")),
            Column(t("Came back")),
            Column(t("R: half, days")),
            Column(t("R: nine tenths, days")),
        ],
        [_line(context, formats.words(row["dimension_value"]), row, top) for row in rows[:_SHOWN]],
        total=_line(context, t("All customers with a sale"), total, None),
        note=nt(
            "{n} smaller group is not shown.", "{n} smaller groups are not shown.", rest
        ).format(n=formats.count(rest))
        if rest > 0
        else None,
        is_wide=True,
        source=context.source(_GROUPS),
    )


def _line(context: Context, name: str, row: Row, top: float | None) -> list[Cell]:
    bar = bar_share(row["ltv_simple"], top) if top else None
    return [
        Cell(name),
        Cell(formats.count(row["customers"]), row["customers"]),
        Cell(context.money.exact(row["ltv_simple"]), row["ltv_simple"], bar=bar),
        Cell(context.money.exact(row["mean_predicted_12m_value"]), row["mean_predicted_12m_value"]),
        Cell(context.money.exact(row["average_order_value"]), row["average_order_value"]),
        Cell(formats.percent(row["repurchase_rate"]), row["repurchase_rate"]),
        Cell(formats.decimal(row["repurchase_days_half"], 0), row["repurchase_days_half"]),
        Cell(
            formats.decimal(row["repurchase_days_nine_tenths"], 0),
            row["repurchase_days_nine_tenths"],
        ),
    ]
