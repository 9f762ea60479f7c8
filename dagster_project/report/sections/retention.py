"""Monthly retention: who bought again in the following month."""

from dagster_project.report import formats
from dagster_project.report.blocks import Cell, Column, Figure, Section, Table
from dagster_project.report.charts import Series, time_plot
from dagster_project.report.context import CHART_MONTHS, Context
from dagster_project.report.language import t

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
        "title": t("Retention"),
        "definition": "",
    }
    rows = context.rows(_MONTHLY)[-CHART_MONTHS:]
    if not rows:
        return Section(
            **section, absent=context.absent(t("No sales of identified buyers"), "shop.orders")
        )
    table = Table(
        "retention-table",
        t("Retention by month"),
        [
            Column(t("Month"), "text"),
            Column(t("At start")),
            Column(t("Retained")),
            Column(t("Reactivated")),
            Column(t("New")),
            Column(t("At end")),
            Column(t("Retention")),
            Column(t("By formula")),
            Column(t("Churn")),
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
        source=context.source(_MONTHLY, first=rows[0]["month"], last=rows[-1]["month"]),
    )
    plot = time_plot(
        [row["month"] for row in rows],
        [
            Series(t("Retention rate"), [row["retention_rate"] for row in rows]),
            Series(t("By the formula"), [row["retention_rate_formula"] for row in rows]),
        ],
        axis=formats.axis_percent,
        reading=formats.percent,
        complete_until=context.last_complete_month,
    )
    return Section(
        **section, blocks=[Figure("retention-chart", t("Monthly retention"), plot, table)]
    )
