"""Money given back, and the part of it that no order can be found for."""

from datetime import date

from dagster_project.report import formats
from dagster_project.report.blocks import (
    Block,
    Cell,
    Column,
    Facts,
    Figure,
    Section,
    Table,
    bar_share,
)
from dagster_project.report.charts import Series, time_plot
from dagster_project.report.context import CHART_MONTHS, Context, Row, add_months, month_range
from dagster_project.report.language import t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("orders", "unallocated_refunds")

_MONTHLY = """
    select
        date_trunc('month', order_date)::date as month,
        coalesce(sum(gross_revenue), 0) as gross_revenue,
        coalesce(sum(refunded_amount), 0) as refunded_amount,
        count(*) filter (where refunded_amount > 0) as refunded_sales,
        count(*) as sales
    from orders
    where is_sale and order_date is not null
    group by 1
    order by 1
"""

_UNALLOCATED = """
    select count(*) as refunds, coalesce(sum(amount), 0) as amount from unallocated_refunds
"""

_OBSTACLES = """
    select obstacle, count(*) as refunds, coalesce(sum(amount), 0) as amount
    from unallocated_refunds
    group by obstacle
    order by amount desc, obstacle
"""


def build(context: Context) -> Section:
    """Refunded share by month of sale, and the refunds that could not be allocated."""
    section = {
        "id": "returns",
        "title": t("Returns"),
        "definition": t(
            "A refund stands in the month of the sale that it undoes, not of the day it was paid."
        ),
    }
    rows = context.rows(_MONTHLY)
    unallocated = context.row(_UNALLOCATED)
    refunded = sum(row["refunded_amount"] for row in rows)
    sales = sum(row["refunded_sales"] for row in rows)
    if not refunded and not unallocated["refunds"]:
        return Section(**section, absent=context.absent(t("No refunds"), "shop.refunds"))
    money = context.money
    blocks: list[Block] = []
    if rows and refunded:
        blocks.append(_figure(context, {row["month"]: row for row in rows}))
    blocks.append(
        Facts(
            [
                (t("Refunded on sales"), money.exact(refunded), refunded),
                (t("Sales with a refund"), formats.count(sales), sales),
                (
                    t("Refunds with no sale found"),
                    formats.count(unallocated["refunds"]),
                    unallocated["refunds"],
                ),
                (t("worth"), money.exact(unallocated["amount"]), unallocated["amount"]),
            ]
        )
    )
    if unallocated["refunds"]:
        blocks.append(_obstacles(context))
    return Section(**section, blocks=blocks)


def _obstacles(context: Context) -> Table:
    rows = context.rows(_OBSTACLES)
    most = max(row["amount"] for row in rows)
    return Table(
        "returns-obstacles",
        t("Why refunds found no sale"),
        [
            Column(t("Obstacle"), "text"),
            Column("", "bar"),
            Column(t("Refunds")),
            Column(t("Amount")),
        ],
        [
            [
                Cell(formats.words(row["obstacle"])),
                Cell("", bar=bar_share(row["amount"], most)),
                Cell(formats.count(row["refunds"]), row["refunds"]),
                Cell(context.money.exact(row["amount"]), row["amount"]),
            ]
            for row in rows
        ],
        source=context.source(_OBSTACLES),
    )


def _figure(context: Context, found: dict[date, Row]) -> Figure:
    last = context.as_of.replace(day=1)
    months = month_range(max(min(found), add_months(last, 1 - CHART_MONTHS)), last)
    nothing = {"gross_revenue": 0, "refunded_amount": 0, "refunded_sales": 0, "sales": 0}
    rows = [found.get(month, nothing) for month in months]
    shares = [
        row["refunded_amount"] / row["gross_revenue"] if row["gross_revenue"] else None
        for row in rows
    ]
    money = context.money
    table = Table(
        "returns-table",
        t("Refunds by month of sale"),
        [
            Column(t("Month"), "text"),
            Column(t("Gross revenue")),
            Column(t("Refunded")),
            Column(t("Share")),
            Column(t("Sales with a refund")),
        ],
        [
            [
                Cell(
                    formats.month_short(month),
                    is_incomplete=month > context.last_complete_month,
                ),
                Cell(money.exact(row["gross_revenue"]), row["gross_revenue"]),
                Cell(money.exact(row["refunded_amount"]), row["refunded_amount"]),
                Cell(formats.percent(share), share),
                Cell(formats.count(row["refunded_sales"]), row["refunded_sales"]),
            ]
            for month, row, share in zip(months, rows, shares, strict=True)
        ],
        source=context.source(_MONTHLY, months=months),
    )
    plot = time_plot(
        months,
        [Series(t("Refunded share of gross revenue"), shares, "column")],
        axis=formats.axis_percent,
        reading=formats.percent,
        complete_until=context.last_complete_month,
    )
    return Figure(
        "returns-chart", t("Refunded share of gross revenue, by month of sale"), plot, table
    )
