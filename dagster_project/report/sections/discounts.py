"""Discounts: what each coupon and each segment's discounts cost, and whether buyers came back."""

from datetime import date, timedelta

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Folded, Section, Table
from dagster_project.report.context import Context, Row
from dagster_project.report.language import nt, t
from dagster_project.transform.thresholds import threshold

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("discount_response",)

_SHOWN = 15

# Counts and sums add up over segments and coupons; rates are made of the sums.
_SUMS = """
    {group} as name, sum(redemptions) as redemptions, sum(net_revenue) as net_revenue,
        sum(margin_given_away) as margin_given_away,
        sum(gross_margin) / nullif(sum(costed_sales), 0) as margin_each,
        sum(matched_sales) as matched,
        sum(matched_repeated_sales) / nullif(sum(matched_sales), 0) as rate,
        sum(expected_repeated_sales) / nullif(sum(matched_sales), 0) as rate_without
    from discount_response
"""

_COUPONS = f"""
    select {_SUMS.format(group="coupon").strip()}
    group by coupon order by redemptions desc, coupon
"""

_SEGMENTS = f"""
    select {_SUMS.format(group="segment").strip()}
    group by segment order by redemptions desc, segment
"""

_ALL = f"select {_SUMS.format(group='null').strip()}"


def build(context: Context) -> Section:
    """A line per coupon, the same by the buyer's segment folded, and the line of all."""
    days = threshold("discount_repeat_days")
    section = {
        "id": "discounts",
        "title": t("Discounts and coupons"),
        "definition": t(
            "The last twelve complete months and the current one. Buyers with a discount stand "
            "beside buyers at full price of the same month and segment: that is a comparison and "
            "no proof, for who is given a coupon may differ otherwise."
        ),
    }
    coupons = context.rows(_COUPONS)
    if not coupons:
        return Section(**section, absent=context.absent(t("No sale at a discount"), "shop.orders"))
    total = context.row(_ALL)
    segments = context.rows(_SEGMENTS)
    blocks: list[Block] = [
        _table(context, "discounts-coupons", t("Discounts by coupon"), coupons, total, days),
        Folded(
            t("By the segment of the buyer before the sale"),
            [
                _table(
                    context, "discounts-segments", t("Discounts by segment"), segments, total, days
                )
            ],
        ),
    ]
    return Section(**section, blocks=blocks)


def _table(
    context: Context, key: str, caption: str, rows: list[Row], total: Row, days: int
) -> Table:
    rest = len(rows) - _SHOWN
    note = t(
        "Came back: bought again within {days} days. Full price: the share of buyers at full price "
        "of the same months and segments who did; a dash where there are none."
    ).format(days=days)
    if rest > 0:
        more = nt("{n} smaller group is not shown.", "{n} smaller groups are not shown.", rest)
        note = f"{note} {more.format(n=formats.count(rest))}"
    return Table(
        key,
        caption,
        [
            Column(t("Coupon") if key == "discounts-coupons" else t("Segment"), "text"),
            Column(t("Sales")),
            Column(t("Revenue")),
            Column(t("Given away")),
            Column(t("Margin left of a sale")),
            Column(t("Compared")),
            Column(t("Came back")),
            Column(t("Full price: came back")),
            Column(t("Difference"), hint=t("percentage points")),
        ],
        [_line(context, formats.words(row["name"]), row) for row in rows[:_SHOWN]],
        total=_line(context, t("All discounts"), total),
        note=note,
        is_wide=True,
        source=context.source(
            _COUPONS if key == "discounts-coupons" else _SEGMENTS, first=_first_day(context.as_of)
        ),
    )


def _first_day(as_of: date) -> date:
    """The first day of the twelve complete months up to ``as_of``."""
    after = as_of + timedelta(days=1)
    return after.replace(year=after.year - 1, day=1)


def _line(context: Context, name: str, row: Row) -> list[Cell]:
    difference = None if row["rate"] is None else row["rate"] - row["rate_without"]
    return [
        Cell(name),
        Cell(formats.count(row["redemptions"]), row["redemptions"]),
        Cell(context.money.whole(row["net_revenue"]), row["net_revenue"]),
        Cell(context.money.whole(row["margin_given_away"]), row["margin_given_away"]),
        Cell(context.money.exact(row["margin_each"]), row["margin_each"]),
        Cell(formats.count(row["matched"]), row["matched"]),
        Cell(formats.percent(row["rate"]), row["rate"]),
        Cell(formats.percent(row["rate_without"]), row["rate_without"]),
        Cell(formats.points(difference), difference),
    ]
