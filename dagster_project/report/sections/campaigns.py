"""Campaigns, experiments and the loyalty programme: what was done, and what came of it."""

from dagster_project.report import formats
from dagster_project.report.blocks import (
    Block,
    Cell,
    Column,
    Facts,
    Folded,
    Section,
    Table,
)
from dagster_project.report.context import Context, Row
from dagster_project.report.differences import (
    SURE,
    difference_cells,
    difference_columns,
    verdict,
)
from dagster_project.report.language import nt, t
from dagster_project.transform.thresholds import threshold

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("campaign_performance", "experiment_results", "loyalty_accounts")

_SHOWN = 12
_FOLDED = 60

_CAMPAIGNS = """
    select * from campaign_performance
    where campaign_id is not null
    order by attributed_revenue desc nulls last, messages_sent desc nulls last, campaign_id
"""

_EXPERIMENTS = """
    select * from experiment_results
    where experiment_id is not null
    order by experiment_id, is_control desc nulls last, variant
"""

_LOYALTY = """
    select
        count(*) as members, sum(points_balance) as balance, sum(points_expiring_30d) as expiring,
        count(matched_net_revenue_180d) as matched,
        avg(net_revenue_180d) filter (where matched_net_revenue_180d is not null) as own,
        avg(matched_net_revenue_180d) as others
    from loyalty_accounts
    where customer_id is not null
"""


def build(context: Context) -> Section:
    """Campaigns by what is credited to them, experiments with their verdict, loyalty in facts."""
    section = {
        "id": "campaigns",
        "title": t("Campaigns, experiments, loyalty"),
        "definition": t(
            "Members of the loyalty programme stand beside customers who were alike {days} days "
            "ago, in value and in time since their first sale, and are no members; that is a "
            "comparison and no proof."
        ).format(days=threshold("loyalty_comparison_days")),
    }
    campaigns = context.rows(_CAMPAIGNS)
    experiments = context.rows(_EXPERIMENTS)
    loyalty = context.row(_LOYALTY)
    if not campaigns and not experiments and not loyalty["members"]:
        return Section(
            **section,
            absent=context.absent(
                t("No campaigns, experiments or members"),
                "marketing.campaigns",
                "marketing.experiment_assignments",
                "shop.loyalty_transactions",
            ),
        )
    blocks: list[Block] = []
    if campaigns:
        blocks.append(_campaigns(context, "campaigns-best", campaigns[:_SHOWN]))
    if len(campaigns) > _SHOWN:
        rest = campaigns[_SHOWN : _SHOWN + _FOLDED]
        others = len(campaigns) - _SHOWN
        label = nt("{n} more campaign", "{n} more campaigns", others)
        if others > _FOLDED:
            label = t("The next {shown} of {n} more campaigns").replace("{shown}", str(_FOLDED))
        label = label.replace("{n}", formats.count(others))
        blocks.append(Folded(label, [_campaigns(context, "campaigns-rest", rest)]))
    if experiments:
        blocks.append(_experiments(context, experiments))
    if loyalty["members"]:
        blocks.append(_loyalty(context, loyalty))
    return Section(**section, blocks=blocks)


def _campaigns(context: Context, key: str, rows: list[Row]) -> Table:
    def number(value: int | float | None) -> Cell:
        return Cell(formats.count(value), value) if value else Cell(formats.NO_VALUE)

    def share(value: float | None) -> Cell:
        return Cell(formats.percent(value), value)

    return Table(
        key,
        t("Campaigns by credited revenue"),
        [
            Column(t("Campaign"), "text"),
            Column(t("Channel"), "text"),
            Column(t("Revenue")),
            Column(t("Sales")),
            Column(t("Cost")),
            Column(t("Return")),
            Column(t("Visits")),
            Column(t("Reached")),
            Column(t("Opened")),
            Column(t("Clicked")),
            Column(t("Left")),
        ],
        [
            [
                Cell(formats.clean(row["name"] or row["campaign_id"])),
                Cell(formats.words(row["channel"])),
                Cell(context.money.whole(row["attributed_revenue"]), row["attributed_revenue"]),
                number(row["attributed_orders"]),
                Cell(context.money.whole(row["cost"]), row["cost"])
                if row["cost"]
                else Cell(formats.NO_VALUE),
                Cell(formats.decimal(row["roas"], 1), row["roas"]),
                number(row["visits"]),
                number(row["people_reached"]),
                share(row["open_rate"]),
                share(row["click_rate"]),
                share(row["unsubscribe_rate"]),
            ]
            for row in rows
        ],
        note=t(
            "Return is credited revenue over cost. Reached are people who got a message; opened, "
            "clicked and left (unsubscribed) are shares of the messages delivered."
        ),
        is_wide=True,
        source=context.source(_CAMPAIGNS),
    )


def _experiments(context: Context, rows: list[Row]) -> Table:
    return Table(
        "campaigns-experiments",
        t("Experiments"),
        [
            Column(t("Experiment"), "text"),
            Column(t("Variant"), "text"),
            Column(t("Subjects")),
            Column(t("Bought")),
            *difference_columns(),
            Column(t("Result"), "text"),
        ],
        [
            [
                Cell(formats.clean(row["experiment_id"])),
                Cell(formats.clean(row["variant"])),
                Cell(formats.count(row["subjects"]), row["subjects"]),
                Cell(formats.percent(row["conversion_rate"]), row["conversion_rate"]),
                *difference_cells(row),
                Cell(
                    t("Control")
                    if row["is_control"] and row["is_valid"] is not False
                    else verdict(row)
                ),
            ]
            for row in rows
        ],
        note=t(
            "A difference is called one when its p is below {sure}; of twenty experiments "
            "without any effect one will be."
        ).format(sure=formats.decimal(SURE)),
        is_wide=True,
        source=context.source(_EXPERIMENTS),
    )


def _loyalty(context: Context, totals: Row) -> Facts:
    items = [
        (
            t("Members of the loyalty programme"),
            formats.count(totals["members"]),
            totals["members"],
        ),
        (t("Points outstanding"), formats.count(totals["balance"]), totals["balance"]),
    ]
    if totals["expiring"] is not None:
        items.append(
            (
                t("Expiring within {days} days").format(days=threshold("loyalty_notice_days")),
                formats.count(totals["expiring"]),
                totals["expiring"],
            )
        )
    if totals["matched"]:
        gap = totals["own"] - totals["others"]
        items.append(
            (
                t("Net revenue of a member in {days} days ({matched} matched)").format(
                    days=threshold("loyalty_comparison_days"),
                    matched=formats.count(totals["matched"]),
                ),
                t("{own}, {others} of others who were alike").format(
                    own=context.money.exact(totals["own"]),
                    others=context.money.exact(totals["others"]),
                ),
                gap,
            )
        )
    return Facts(items)
