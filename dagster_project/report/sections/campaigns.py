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
from dagster_project.thresholds import threshold

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("campaign_performance", "experiment_results", "loyalty_accounts")

_SHOWN = 12
_FOLDED = 60
_SURE = 0.05

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
        "title": "Campaigns, experiments, loyalty",
        "definition": (
            "Sales are credited to the campaign of the last touch before them that was not direct. "
            "A rate of an experiment is the share of its subjects with a sale within "
            f"{threshold('experiment_window_days')} days of their assignment, with a 95% interval "
            "of the difference to the control; subjects that were not split as planned make a "
            "result invalid. Members of the loyalty programme "
            "stand beside customers who were alike "
            f"{threshold('loyalty_comparison_days')} days ago, in value and in time since their "
            "first sale, and are no members; that is a comparison and no proof."
        ),
    }
    campaigns = context.rows(_CAMPAIGNS)
    experiments = context.rows(_EXPERIMENTS)
    loyalty = context.row(_LOYALTY)
    if not campaigns and not experiments and not loyalty["members"]:
        return Section(
            **section,
            absent=context.absent(
                "campaigns, experiments or members",
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
        label = formats.plural(others, "more campaign")
        if others > _FOLDED:
            label = f"The next {_FOLDED} of {label}"
        blocks.append(Folded(label, [_campaigns(context, "campaigns-rest", rest)]))
    if experiments:
        blocks.append(_experiments(experiments))
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
        "Campaigns by credited revenue",
        [
            Column("Campaign", "text"),
            Column("Channel", "text"),
            Column("Revenue"),
            Column("Sales"),
            Column("Cost"),
            Column("Return"),
            Column("Visits"),
            Column("Reached"),
            Column("Opened"),
            Column("Clicked"),
            Column("Left"),
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
        note="Return is credited revenue over cost. Reached are people who got a message; opened, "
        "clicked and left (unsubscribed) are shares of the messages delivered.",
        is_wide=True,
    )


def _verdict(row: Row) -> str:
    if row["is_valid"] is False:
        return "Invalid: not split as planned"
    if row["is_control"]:
        return "Control"
    if row["rate_p_value"] is None:
        return "Not known yet"
    if row["rate_p_value"] >= _SURE:
        return "No difference shown"
    return "Better" if row["rate_difference"] > 0 else "Worse"


def _points(value: float | None) -> str:
    """A difference of shares in percentage points."""
    if value is None:
        return formats.NO_VALUE
    return formats.percent(value).removesuffix("%")


def _experiments(rows: list[Row]) -> Table:
    return Table(
        "campaigns-experiments",
        "Experiments",
        [
            Column("Experiment", "text"),
            Column("Variant", "text"),
            Column("Subjects"),
            Column("Bought"),
            Column("Difference", hint="percentage points"),
            Column("95% interval", "text"),
            Column("p"),
            Column("Result", "text"),
        ],
        [
            [
                Cell(formats.clean(row["experiment_id"])),
                Cell(formats.clean(row["variant"])),
                Cell(formats.count(row["subjects"]), row["subjects"]),
                Cell(formats.percent(row["conversion_rate"]), row["conversion_rate"]),
                Cell(_points(row["rate_difference"]), row["rate_difference"]),
                Cell(
                    formats.NO_VALUE
                    if row["rate_ci_low"] is None
                    else f"{_points(row['rate_ci_low'])} to {_points(row['rate_ci_high'])}"
                ),
                Cell(formats.decimal(row["rate_p_value"], 3), row["rate_p_value"]),
                Cell(_verdict(row)),
            ]
            for row in rows
        ],
        note=f"A difference is called one when its p is below {_SURE}; of twenty experiments "
        "without any effect one will be.",
        is_wide=True,
    )


def _loyalty(context: Context, totals: Row) -> Facts:
    items = [
        ("Members of the loyalty programme", formats.count(totals["members"]), totals["members"]),
        ("Points outstanding", formats.count(totals["balance"]), totals["balance"]),
    ]
    if totals["expiring"] is not None:
        items.append(
            (
                f"Expiring within {threshold('loyalty_notice_days')} days",
                formats.count(totals["expiring"]),
                totals["expiring"],
            )
        )
    if totals["matched"]:
        gap = totals["own"] - totals["others"]
        items.append(
            (
                f"Net revenue of a member in {threshold('loyalty_comparison_days')} days "
                f"({formats.count(totals['matched'])} matched)",
                f"{context.money.exact(totals['own'])}, "
                f"{context.money.exact(totals['others'])} of others who were alike",
                gap,
            )
        )
    return Facts(items)
