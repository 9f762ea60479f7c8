"""Headline numbers of the last complete month against the month before."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from dagster_project.report import formats
from dagster_project.report.blocks import Facts, Note, Section, Tile, Tiles
from dagster_project.report.charts import spark
from dagster_project.report.context import Context, add_months, month_range

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("customers", "orders", "retention_monthly")

_SPARK_MONTHS = 12

_MONTHLY = """
    with sales as (
        select
            date_trunc('month', order_date)::date as month,
            coalesce(sum(net_revenue), 0) as net_revenue,
            count(*) as sales,
            coalesce(sum(gross_revenue), 0) as gross_revenue,
            coalesce(sum(refunded_amount), 0) as refunded_amount
        from orders
        where is_sale
        group by 1
    )
    select
        coalesce(sales.month, retention.month) as month,
        sales.net_revenue, sales.sales, sales.gross_revenue, sales.refunded_amount,
        retention.customers_at_end as customers, retention.new_customers,
        retention.reactivated_customers, retention.retention_rate
    from sales
    full outer join retention_monthly as retention on retention.month = sales.month
"""

_TOTALS = """
    select
        (select count(*) from customers) as customers,
        (select count(*) from customers where order_count > 0) as buyers,
        count(*) filter (where is_sale) as sales,
        coalesce(sum(net_revenue) filter (where is_sale), 0) as net_revenue,
        min(order_date) filter (where is_sale) as first_date,
        max(order_date) filter (where is_sale) as last_date
    from orders
"""


def build(context: Context) -> Section:
    """The month's tiles with change and a year's line each, and the totals since the beginning."""
    month = context.last_complete_month
    before = add_months(month, -1)
    totals = context.row(_TOTALS)
    section = {
        "id": "overview",
        "title": f"{formats.month_name(month)} at a glance",
        "definition": (
            "Sales are orders that are paid, shipped, completed or refunded. Net revenue is what "
            "was charged without tax and shipping, less refunds, and stands in the month of the "
            "sale; later refunds restate it. Only complete months are compared: "
            f"{formats.month_name(month)} with {formats.month_name(before)}."
        ),
    }
    if not totals["sales"]:
        return Section(**section, absent=context.absent("sales", "shop.orders"))

    found = {row["month"]: row for row in context.rows(_MONTHLY) if row["month"] is not None}
    money = context.money
    facts = Facts(
        [
            ("Customers known", formats.count(totals["customers"]), totals["customers"]),
            ("of them with a sale", formats.count(totals["buyers"]), totals["buyers"]),
            ("Sales since the beginning", formats.count(totals["sales"]), totals["sales"]),
            ("Net revenue of these", money.exact(totals["net_revenue"]), totals["net_revenue"]),
            (
                "First and last sale",
                f"{formats.day_short(totals['first_date'])} {formats.DASH} "
                f"{formats.day_short(totals['last_date'])}",
                None,
            ),
        ]
    )
    first = min(found, default=None)
    if first is None or first > month:
        return Section(
            **section,
            blocks=[Note("No month is complete yet, so there is nothing to compare."), facts],
        )
    known = month_range(max(first, add_months(month, 1 - _SPARK_MONTHS)), month)
    series = {name: [_value(found, m, name) for m in known] for name in _NAMES}
    has_before = before >= first

    def tile(name: str, label: str, write: Callable[[Any], str], *, is_share: bool = False) -> Tile:
        value = series[name][-1]
        previous = series[name][-2] if has_before and len(known) > 1 else None
        change, direction = change_text(
            value, previous, before if has_before else None, is_share=is_share
        )
        return Tile(name, label, write(value), value, change, direction, spark(series[name]))

    tiles = Tiles(
        [
            tile("net_revenue", "Net revenue", money.whole),
            tile("sales", "Sales", formats.count),
            tile("average_order_value", "Average order value", money.exact),
            tile("refunded_share", "Refunded, of gross", formats.percent, is_share=True),
            tile("customers", "Customers with a sale", formats.count),
            tile("new_customers", "New customers", formats.count),
            tile("reactivated_customers", "Reactivated customers", formats.count),
            tile("retention_rate", "Retention rate", formats.percent, is_share=True),
        ]
    )
    return Section(**section, blocks=[tiles, facts])


_NAMES = (
    "net_revenue",
    "sales",
    "average_order_value",
    "refunded_share",
    "customers",
    "new_customers",
    "reactivated_customers",
    "retention_rate",
)

_COUNTED = frozenset({"net_revenue", "sales", "customers", "new_customers"})


def _value(found: dict[date, dict[str, Any]], month: date, name: str) -> Any:
    """A month's figure; a month with no row had no sale, so its counts are 0 and ratios unknown."""
    row = found.get(month, {})
    if name == "average_order_value":
        return row["net_revenue"] / row["sales"] if row.get("sales") else None
    if name == "refunded_share":
        return row["refunded_amount"] / row["gross_revenue"] if row.get("gross_revenue") else None
    value = row.get(name)
    return 0 if value is None and name in _COUNTED else value


def change_text(
    value: float | Decimal | None,
    previous: float | Decimal | None,
    before: date | None,
    *,
    is_share: bool = False,
) -> tuple[str, str]:
    """The change in words and its direction (up, down, level, none).

    Shares change in percentage points, other figures in per cent of the month before.
    """
    if before is None:
        return "first month, nothing to compare", "none"
    name = formats.month_short(before)
    if value is None or previous is None:
        return f"not comparable with {name}", "none"
    if is_share:
        difference = (Decimal(str(value)) - Decimal(str(previous))) * 100
        size = f"{formats.decimal(abs(difference), 1)} points"
    elif previous <= 0:
        return ("as in " + name, "level") if value == previous else (f"from none in {name}", "up")
    else:
        difference = (Decimal(str(value)) / Decimal(str(previous)) - 1) * 100
        size = f"{formats.decimal(abs(difference), 1)}%"
    if round(difference, 1) == 0:
        return f"as in {name}", "level"
    direction = "up" if difference > 0 else "down"
    return f"{direction} {size} on {name}", direction
