"""Sales by month: net revenue and customers, to be filtered by first channel and segment."""

from dagster_project.report import formats
from dagster_project.report.blocks import Section
from dagster_project.report.context import CHART_MONTHS, Context, add_months, month_range
from dagster_project.report.cubes import Measure, Pivot, cube, time_figure
from dagster_project.report.language import t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("customers", "orders")

# A customer has one first channel and one segment, so customers of a month add up over both.
SALES_CUBE = """
    select
        date_trunc('month', o.order_date)::date as month,
        c.acquisition_channel, c.rfm_segment,
        count(*) as sales,
        coalesce(sum(o.net_revenue), 0) as net_revenue,
        coalesce(sum(o.net_revenue) filter (where o.customer_id is not null), 0) as known_revenue,
        coalesce(sum(o.net_revenue) filter (where o.customer_id is null), 0) as other_revenue,
        count(distinct o.customer_id) as customers,
        count(distinct o.customer_id) filter (where o.is_first_order) as new_customers,
        count(distinct o.customer_id)
        - count(distinct o.customer_id) filter (where o.is_first_order) as returning_customers
    from orders as o
    left join customers as c on o.customer_id = c.customer_id
    where o.is_sale and o.order_date is not null
    group by 1, 2, 3
    order by 1, 2, 3
"""
_MEASURES = (
    "sales",
    "net_revenue",
    "known_revenue",
    "other_revenue",
    "customers",
    "new_customers",
    "returning_customers",
)


def build(context: Context) -> Section:
    """Two charts over the same months: revenue by kind of buyer, customers by new and returning."""
    rows = context.rows(SALES_CUBE)
    section = {"id": "revenue", "title": t("Revenue and customers")}
    if not rows:
        return Section(
            **section, definition="", absent=context.absent(t("No sales"), "shop.orders")
        )
    sales = cube(
        "sales",
        rows,
        (("acquisition_channel", t("Acquisition channel")), ("rfm_segment", t("Segment of today"))),
        _MEASURES,
    )
    last = context.as_of.replace(day=1)
    months = tuple(month_range(max(sales.months[0], add_months(last, 1 - CHART_MONTHS)), last))
    source = context.source(SALES_CUBE, months=months)
    known = Measure(t("Identified buyers"), "known_revenue", kind="money", mark="column")
    others = [Measure(t("Buyers not identified"), "other_revenue", kind="money", mark="column")]
    note = None
    if last > context.last_complete_month:
        note = t("{month} is not complete: its days up to {day} are drawn pale.").format(
            month=formats.month_name(last), day=formats.day(context.as_of)
        )
    return Section(
        **section,
        definition=t(
            "A customer counts once a month; new are those whose first sale ever falls in it."
        ),
        blocks=[
            time_figure(
                context,
                Pivot(
                    "revenue-chart",
                    t("Net revenue by month"),
                    sales,
                    "month",
                    (
                        Measure(t("Net revenue"), "net_revenue", kind="cents"),
                        known,
                        *(others if any(row["other_revenue"] for row in rows) else []),
                        Measure(t("Sales"), "sales"),
                        Measure(t("Average order value"), "net_revenue", "sales", kind="cents"),
                    ),
                    source,
                    t("Month"),
                    note,
                    months,
                ),
            ),
            time_figure(
                context,
                Pivot(
                    "customers-chart",
                    t("Customers with a sale, by month"),
                    sales,
                    "month",
                    (
                        Measure(t("Customers"), "customers"),
                        Measure(t("Returning"), "returning_customers", mark="column"),
                        Measure(t("New"), "new_customers", mark="column"),
                    ),
                    source,
                    t("Month"),
                    None,
                    months,
                ),
            ),
        ],
        cubes=(sales,),
    )
