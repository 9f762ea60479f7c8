"""Channel scorecard: visits, engagement, sales, cost and return of each channel, and in words."""

from typing import Any

from dagster_project.report import formats
from dagster_project.report.blocks import Cell, Column, Section, Table
from dagster_project.report.context import Context, Row, add_months, month_range
from dagster_project.report.cubes import Measure, Pivot, cube, lines_table
from dagster_project.report.language import t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("channel_scorecard",)

_MONTHS = 12
# From how far off the mean of all channels a channel is said to differ.
_NOTABLE = 0.25
_FEW_VISITS = 30

_CUBE = """
    select
        month, channel, coalesce(revenue, 0) as revenue, coalesce(sessions, 0) as sessions,
        coalesce(average_time_on_site * sessions, 0) as seconds,
        coalesce(round(bounce_rate * sessions), 0) as bounced,
        coalesce(round(conversion_rate * sessions), 0) as converted,
        coalesce(orders, 0) as orders, coalesce(new_customers, 0) as new_customers,
        coalesce(spend, 0) as spend
    from channel_scorecard
    where month is not null and channel is not null
    order by month, channel
"""

_PRODUCTS = """
    select channel, arg_max(top_product, revenue) as product
    from (
        select channel, top_product, sum(revenue) as revenue
        from channel_scorecard
        where month between $first and $last and top_product is not null
        group by channel, top_product
    )
    group by channel
"""

_MEASURES = (
    "revenue",
    "sessions",
    "seconds",
    "bounced",
    "converted",
    "orders",
    "new_customers",
    "spend",
)


def build(context: Context) -> Section:
    """A line per channel over the last twelve complete months; best product and words beside it."""
    section = {
        "id": "scorecard",
        "title": t("Channel scorecard"),
        "definition": t(
            "Visits are web sessions. Sales, revenue and new customers are credited to the last "
            "touch that was not direct, and so come in parts."
        ),
    }
    rows = context.rows(_CUBE)
    last = context.last_complete_month
    if not rows or min(row["month"] for row in rows) > last:
        absent = context.absent(t("No visits and no sales"), "shop.web_events", "shop.orders")
        return Section(**section, absent=absent)
    scores = cube("scorecard", rows, (("channel", t("Channel")),), _MEASURES)
    first = max(scores.months[0], add_months(last, 1 - _MONTHS))
    months = tuple(month_range(first, last))
    source = context.source(_CUBE, first=first, last=last)
    pivot = Pivot(
        "scorecard-table",
        t("Channels, {first} to {last}").format(
            first=formats.month_name(first), last=formats.month_name(last)
        ),
        scores,
        "channel",
        (
            Measure(t("Revenue"), "revenue", kind="money", mark="column"),
            Measure(t("Visits"), "sessions"),
            Measure(t("Time on site"), "seconds", "sessions", kind="duration"),
            Measure(t("Bounce rate"), "bounced", "sessions", kind="percent"),
            Measure(t("Conversion"), "converted", "sessions", kind="percent"),
            Measure(t("Average order value"), "revenue", "orders", kind="cents"),
            Measure(t("Spend"), "spend", kind="money", skip_zero=True),
            Measure(t("ROAS"), "revenue", "spend", kind="decimal"),
            Measure(
                t("Cost per new customer"), "spend", "new_customers", kind="cents", skip_zero=True
            ),
        ),
        source,
        t("Channel"),
        None,
        months,
    )
    return Section(
        **section,
        blocks=[
            lines_table(context, pivot),
            _words(context, scores.sums("channel", months), first),
        ],
        cubes=(scores,),
    )


def _words(context: Context, sums: dict[str, Row], first: Any) -> Table:
    span = {"first": first, "last": context.last_complete_month}
    products = {row["channel"]: row["product"] for row in context.rows(_PRODUCTS, span)}
    total = {name: sum(line[name] for line in sums.values()) for name in _MEASURES}
    ranked = sorted(sums, key=lambda name: (-float(sums[name]["revenue"]), str(name)))
    return Table(
        "scorecard-words",
        t("Channels in words"),
        [
            Column(t("Channel"), "text"),
            Column(t("Best product"), "text"),
            Column(t("What stands out"), "text"),
        ],
        [
            [
                Cell(formats.words(name)),
                Cell(formats.clean(products.get(name))),
                Cell(comment(context, sums[name], total)),
            ]
            for name in ranked
        ],
        note=t(
            "Compared with all channels together; what differs by less than a quarter is not said."
        ),
        source=context.source(_PRODUCTS, span, **span),
    )


def comment(context: Context, line: Row, total: Row) -> str:
    """What sets a channel apart from all channels together, in words."""
    parts = []
    if total["revenue"]:
        share = float(line["revenue"]) / float(total["revenue"])
        parts.append(t("{share} of revenue").format(share=formats.percent(share, 0)))
    if line["sessions"] >= _FEW_VISITS:
        for measure, over, more, less in (
            ("seconds", "sessions", t("visitors stay longer"), t("visitors stay less long")),
            ("bounced", "sessions", t("more bounces"), t("fewer bounces")),
            ("converted", "sessions", t("converts better"), t("converts worse")),
        ):
            parts.append(_beside(line, total, measure, over, more, less))
    parts.append(_beside(line, total, "revenue", "orders", t("larger orders"), t("smaller orders")))
    if line["spend"]:
        parts.append(
            t("brings back {roas} for each unit spent").format(
                roas=formats.decimal(float(line["revenue"]) / float(line["spend"]), 1)
            )
        )
    elif line["revenue"] and total["spend"]:
        parts.append(t("costs nothing in ads"))
    return ", ".join(filter(None, parts)) or formats.NO_VALUE


def _beside(line: Row, total: Row, measure: str, over: str, more: str, less: str) -> str:
    if not line[over] or not total[over] or not total[measure]:
        return ""
    ratio = float(line[measure]) / float(line[over]) / (float(total[measure]) / float(total[over]))
    if abs(ratio - 1) < _NOTABLE:
        return ""
    return more if ratio > 1 else less
