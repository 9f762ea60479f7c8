"""Monthly retention: who bought again in the following month."""

from dagster_project.report import formats
from dagster_project.report.blocks import Cell, Column, Figure, Section, Table
from dagster_project.report.charts import Series, time_plot
from dagster_project.report.context import CHART_MONTHS, Context

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("retention_monthly",)

_MONTHLY = """
    select
        month, customers_at_start, customers_at_end, new_customers, reactivated_customers,
        retained_customers, retention_rate, retention_rate_formula, churn_rate, is_complete
    from retention_monthly
    where month is not null
    order by month
"""


def build(context: Context) -> Section:
    """The measured rate beside the textbook formula, with the reactivated that separate them."""
    section = {
        "id": "retention",
        "title": "Retention",
        "definition": (
            "Retention rate: of the customers with a sale in the month before, the share with a "
            "sale in this month; churn is the rest. The textbook formula, customers at the end "
            "less new ones over customers at the start, also counts the reactivated, who bought "
            "earlier but not in the month before."
        ),
    }
    rows = context.rows(_MONTHLY)[-CHART_MONTHS:]
    if not rows:
        return Section(
            **section, absent=context.absent("sales of identified buyers", "shop.orders")
        )
    table = Table(
        "retention-table",
        "Retention by month",
        [
            Column("Month", "text"),
            Column("At start"),
            Column("Retained"),
            Column("Reactivated"),
            Column("New"),
            Column("At end"),
            Column("Retention"),
            Column("By formula"),
            Column("Churn"),
        ],
        [
            [
                Cell(formats.month_short(row["month"]), is_incomplete=not row["is_complete"]),
                *(
                    Cell(formats.count(row[name]), row[name])
                    for name in (
                        "customers_at_start",
                        "retained_customers",
                        "reactivated_customers",
                        "new_customers",
                        "customers_at_end",
                    )
                ),
                *(
                    Cell(formats.percent(row[name]), row[name])
                    for name in ("retention_rate", "retention_rate_formula", "churn_rate")
                ),
            ]
            for row in rows
        ],
        is_wide=True,
    )
    plot = time_plot(
        [row["month"] for row in rows],
        [
            Series("Retention rate", [row["retention_rate"] for row in rows]),
            Series("By the formula", [row["retention_rate_formula"] for row in rows]),
        ],
        axis=formats.axis_percent,
        reading=formats.percent,
        complete_until=context.last_complete_month,
    )
    return Section(**section, blocks=[Figure("retention-chart", "Monthly retention", plot, table)])
