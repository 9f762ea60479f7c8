"""Net revenue and customers, month by month."""

from dagster_project.report import formats
from dagster_project.report.blocks import Cell, Column, Figure, Section, Table
from dagster_project.report.charts import Series, time_plot
from dagster_project.report.context import CHART_MONTHS, Context, add_months, month_range

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("orders",)

_MONTHLY = """
    select
        date_trunc('month', order_date)::date as month,
        count(*) as sales,
        coalesce(sum(net_revenue), 0) as net_revenue,
        coalesce(sum(net_revenue) filter (where customer_id is not null), 0) as known_revenue,
        count(distinct customer_id) as customers,
        count(distinct customer_id) filter (where is_first_order) as new_customers
    from orders
    where is_sale and order_date is not null
    group by 1
    order by 1
"""


def build(context: Context) -> Section:
    """Two charts over the same months: revenue by kind of buyer, customers by new and returning."""
    section = {
        "id": "revenue",
        "title": "Revenue and customers",
        "definition": (
            "Net revenue of the sales of each month, apart for buyers who could be identified and "
            "those who could not. A customer counts once a month; new are those whose first sale "
            "ever falls in it."
        ),
    }
    rows = context.rows(_MONTHLY)
    if not rows:
        return Section(**section, absent=context.absent("sales", "shop.orders"))
    found = {row["month"]: row for row in rows}
    last = context.as_of.replace(day=1)
    months = month_range(max(min(found), add_months(last, 1 - CHART_MONTHS)), last)
    table_rows = [found.get(month, dict.fromkeys(rows[0], 0)) for month in months]
    money = context.money
    known = [row["known_revenue"] for row in table_rows]
    unknown = [row["net_revenue"] - row["known_revenue"] for row in table_rows]
    revenue_series = [Series("Identified buyers", known, "column")]
    if any(unknown):
        revenue_series.append(Series("Buyers not identified", unknown, "column"))
    new = [row["new_customers"] for row in table_rows]
    returning = [row["customers"] - row["new_customers"] for row in table_rows]

    def month_cells(index: int, *cells: Cell) -> list[Cell]:
        is_open = months[index] > context.last_complete_month
        return [Cell(formats.month_short(months[index]), is_incomplete=is_open), *cells]

    revenue_table = Table(
        "revenue-table",
        "Net revenue and sales by month",
        [
            Column("Month", "text"),
            Column("Net revenue"),
            Column("of identified buyers"),
            Column("of others"),
            Column("Sales"),
        ],
        [
            month_cells(
                index,
                Cell(money.exact(row["net_revenue"]), row["net_revenue"]),
                Cell(money.exact(known[index]), known[index]),
                Cell(money.exact(unknown[index]), unknown[index]),
                Cell(formats.count(row["sales"]), row["sales"]),
            )
            for index, row in enumerate(table_rows)
        ],
    )
    customers_table = Table(
        "customers-table",
        "Customers with a sale by month",
        [Column("Month", "text"), Column("Customers"), Column("New"), Column("Returning")],
        [
            month_cells(
                index,
                Cell(formats.count(row["customers"]), row["customers"]),
                Cell(formats.count(new[index]), new[index]),
                Cell(formats.count(returning[index]), returning[index]),
            )
            for index, row in enumerate(table_rows)
        ],
    )
    complete = context.last_complete_month
    note = None
    if last > complete:
        note = (
            f"{formats.month_name(last)} is not complete: its days up to "
            f"{formats.day(context.as_of)} are drawn pale."
        )
    return Section(
        **section,
        blocks=[
            Figure(
                "revenue-chart",
                "Net revenue by month",
                time_plot(
                    months,
                    revenue_series,
                    axis=money.short,
                    reading=money.whole,
                    complete_until=complete,
                ),
                revenue_table,
                note,
            ),
            Figure(
                "customers-chart",
                "Customers with a sale, by month",
                time_plot(
                    months,
                    [Series("Returning", returning, "column"), Series("New", new, "column")],
                    axis=formats.short,
                    reading=formats.count,
                    complete_until=complete,
                ),
                customers_table,
            ),
        ],
    )
