"""Deals of the sales force: what was opened, won and lost by month, what is open, who wins."""

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Facts, Figure, Section, Table
from dagster_project.report.context import CHART_MONTHS, Context, Row, add_months, month_range
from dagster_project.report.cubes import Cube, Measure, Pivot, cube, lines_table, time_figure
from dagster_project.report.language import t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("build", "deal_pipeline", "deals")

_MONTHS = 12

_CUBE = """
    select
        month, pipeline, stage, owner_id, won_amount, opened_amount, lost_amount, opened, won,
        lost, won + lost as closed, closed_days
    from deal_pipeline
    where month is not null
    order by month, pipeline, stage, owner_id
"""

_OPEN = """
    select
        coalesce(stage, '(none)') as stage, count(*) as deals, coalesce(sum(amount), 0) as amount,
        count(amount) as priced, median(age_days) as age
    from deals
    where status = 'open'
    group by 1
    order by amount desc, stage
"""

_COUNTED = "select won_deals from build"

_MEASURES = (
    "won_amount",
    "opened_amount",
    "lost_amount",
    "opened",
    "won",
    "lost",
    "closed",
    "closed_days",
)


def build(context: Context) -> Section:
    """Opened, won and lost over time; open deals by stage; owners and pipelines side by side."""
    section = {
        "id": "deals",
        "title": t("Deals"),
        "definition": t(
            "A deal stands in the month in which it was opened, and again in that in which it was "
            "won or lost; its stage is that of today."
        ),
    }
    rows = context.rows(_CUBE)
    opened = context.rows(_OPEN)
    counted = context.row(_COUNTED)["won_deals"]
    last = context.last_complete_month
    if not rows or min(row["month"] for row in rows) > last:
        return Section(**section, absent=context.absent(t("No deals"), "crm.deals"))
    deals = cube(
        "deals",
        rows,
        (
            ("pipeline", t("Pipeline")),
            ("owner_id", t("In charge")),
            ("stage", t("Stage")),
        ),
        _MEASURES,
    )
    blocks: list[Block] = [
        Facts(
            [
                (
                    t("Open deals"),
                    formats.count(sum(row["deals"] for row in opened)),
                    sum(row["deals"] for row in opened),
                ),
                (
                    t("Worth, where an amount is stated"),
                    context.money.whole(sum(row["amount"] for row in opened)),
                    sum(row["amount"] for row in opened),
                ),
                (
                    t("A won deal"),
                    t("is a sale and stands in net revenue")
                    if counted == "sales"
                    else t("stands apart, in no revenue"),
                    None,
                ),
            ]
        ),
        _over_time(context, deals),
    ]
    if opened:
        blocks.append(_open(context, opened))
    blocks += [
        _lines(context, deals, "owner_id", "deals-owners", t("Deals by who is in charge")),
        _lines(context, deals, "pipeline", "deals-pipelines", t("Deals by pipeline")),
    ]
    return Section(**section, blocks=blocks, cubes=(deals,))


def _measures() -> tuple[Measure, ...]:
    return (
        Measure(t("Amount won"), "won_amount", kind="money", mark="column"),
        Measure(t("Amount opened"), "opened_amount", kind="money", mark="line"),
        Measure(t("Amount lost"), "lost_amount", kind="money"),
        Measure(t("Deals won"), "won"),
        Measure(t("Deals lost"), "lost"),
        Measure(t("Share won"), "won", "closed", kind="percent"),
        Measure(t("Days to close"), "closed_days", "closed"),
    )


def _over_time(context: Context, deals: Cube) -> Figure:
    first = max(deals.months[0], add_months(context.last_complete_month, 1 - CHART_MONTHS))
    months = tuple(month_range(first, context.as_of.replace(day=1)))
    return time_figure(
        context,
        Pivot(
            "deals-chart",
            t("Amounts of deals won and opened by month"),
            deals,
            "month",
            _measures(),
            context.source(_CUBE, months=months),
            t("Month"),
            None,
            months,
        ),
    )


def _lines(context: Context, deals: Cube, by: str, key: str, title: str) -> Table:
    last = context.last_complete_month
    first = max(deals.months[0], add_months(last, 1 - _MONTHS))
    months = tuple(month_range(first, last))
    head = next(d.label for d in deals.dimensions if d.name == by)
    return lines_table(
        context,
        Pivot(
            key,
            title,
            deals,
            by,
            _measures(),
            context.source(_CUBE, months=months),
            head,
            None,
            months,
        ),
    )


def _open(context: Context, rows: list[Row]) -> Table:
    return Table(
        "deals-open",
        t("Open deals by stage"),
        [
            Column(t("Stage"), "text"),
            Column(t("Deals")),
            Column(t("Amount")),
            Column(t("Without an amount")),
            Column(t("Median age in days")),
        ],
        [
            [
                Cell(formats.words(row["stage"])),
                Cell(formats.count(row["deals"]), row["deals"]),
                Cell(context.money.whole(row["amount"]), row["amount"]),
                Cell(formats.count(row["deals"] - row["priced"]), row["deals"] - row["priced"]),
                Cell(formats.decimal(row["age"], 0), row["age"]),
            ]
            for row in rows
        ],
        source=context.source(_OPEN),
    )
