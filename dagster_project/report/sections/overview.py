"""Headline numbers of the last complete month against the month before, and what moved revenue."""

import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from dagster_project.report import formats, headline
from dagster_project.report.blocks import (
    Block,
    Cell,
    Column,
    Facts,
    Note,
    Section,
    Table,
    Tile,
    Tiles,
)
from dagster_project.report.charts import spark
from dagster_project.report.context import Context, Row, add_months, month_range
from dagster_project.report.language import t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("customers", "orders", "retention_monthly")

_SPARK_MONTHS = 12
_CHANNELS = 6

_TILES = (
    "net_revenue",
    "sales",
    "average_order_value",
    "refunded_share",
    "customers",
    "new_customers",
    "reactivated_customers",
    "retention_rate",
)
# A month without a row had no sale.
_COUNTED = frozenset({"net_revenue", "sales", "customers", "new_customers"})

_SALES = """
    select
        (select count(*) from customers) as customers,
        (select count(*) from customers where order_count > 0) as buyers,
        count(*) filter (where is_sale) as sales,
        coalesce(sum(net_revenue) filter (where is_sale), 0) as net_revenue,
        min(order_date) filter (where is_sale) as first_date,
        max(order_date) filter (where is_sale) as last_date
    from orders
"""

_FACTORS = """
    select
        count(distinct customer_id) filter (where date_trunc('month', order_date) = $now)
            as customers,
        count(distinct customer_id) filter (where date_trunc('month', order_date) = $before)
            as customers_before,
        count(customer_id) filter (where date_trunc('month', order_date) = $now) as sales,
        count(customer_id) filter (where date_trunc('month', order_date) = $before)
            as sales_before,
        coalesce(sum(net_revenue) filter (
            where customer_id is not null and date_trunc('month', order_date) = $now
        ), 0) as known,
        coalesce(sum(net_revenue) filter (
            where customer_id is not null and date_trunc('month', order_date) = $before
        ), 0) as known_before,
        coalesce(sum(net_revenue) filter (
            where customer_id is null and date_trunc('month', order_date) = $now
        ), 0) as others,
        coalesce(sum(net_revenue) filter (
            where customer_id is null and date_trunc('month', order_date) = $before
        ), 0) as others_before
    from orders
    where is_sale
"""

_CHANNELS_SQL = """
    select *
    from (
        select
            c.acquisition_channel as name,
            coalesce(sum(o.net_revenue) filter (
                where date_trunc('month', o.order_date) = $now
            ), 0) as now,
            coalesce(sum(o.net_revenue) filter (
                where date_trunc('month', o.order_date) = $before
            ), 0) as before
        from orders as o
        inner join customers as c on o.customer_id = c.customer_id
        where o.is_sale and date_trunc('month', o.order_date) in ($now, $before)
        group by 1
    )
    order by abs(now - before) desc, name
"""


def build(context: Context) -> Section:
    """What changed and why in a sentence and two tables, the month's tiles, totals so far."""
    month = context.last_complete_month
    before = add_months(month, -1)
    totals = context.row(_SALES)
    section = {
        "id": "overview",
        "title": t("{month} at a glance").format(month=formats.month_name(month)),
    }
    if not totals["sales"]:
        absent = context.absent(t("No sales"), "shop.orders")
        return Section(**section, definition="", absent=absent)
    series = {name: headline.by_month(context, name) for name in _TILES}
    first = min((m for values in series.values() for m in values), default=month)
    if first > month:
        note = Note(t("No month is complete yet, so there is nothing to compare."))
        return Section(**section, definition="", blocks=[note, _facts(context, totals)])
    blocks: list[Block] = []
    if before >= first:
        blocks += _why(context, month, before)
    tiles = _tiles(context, series, month, before, first)
    # The sentence leads, the tables that explain it follow the numbers.
    leads, tables = blocks[:1], blocks[1:]
    if leads and leads[0].kind != "note":
        leads, tables = [], blocks
    blocks = [*leads, tiles, *tables, _facts(context, totals)]
    return Section(
        **section,
        definition=t(
            "Only complete months are compared: {month} with {before}. Net revenue stands in the "
            "month of the sale; later refunds restate it."
        ).format(month=formats.month_name(month), before=formats.month_name(before)),
        blocks=blocks,
    )


def _tiles(
    context: Context,
    series: Mapping[str, Mapping[date, Any]],
    month: date,
    before: date,
    first: date,
) -> Tiles:
    known = month_range(max(first, add_months(month, 1 - _SPARK_MONTHS)), month)

    def value(name: str, when: date) -> Any:
        found = series[name].get(when)
        return 0 if found is None and name in _COUNTED else found

    tiles = []
    for name in _TILES:
        kind = headline.metric(name).format
        change, direction = change_text(
            value(name, month),
            value(name, before) if before >= first else None,
            before if before >= first else None,
            is_share=kind == "percent",
        )
        now = value(name, month)
        tiles.append(
            Tile(
                name,
                headline.label(name),
                headline.write(context, kind, now),
                now,
                change,
                direction,
                spark([value(name, m) for m in known]),
            )
        )
    return Tiles(tiles, headline.source(context, _TILES, known))


def _facts(context: Context, totals: Row) -> Facts:
    span = f"{formats.day_short(totals['first_date'])} {formats.DASH} "
    return Facts(
        [
            (t("Customers known"), formats.count(totals["customers"]), totals["customers"]),
            (t("of them with a sale"), formats.count(totals["buyers"]), totals["buyers"]),
            (t("Sales since the beginning"), formats.count(totals["sales"]), totals["sales"]),
            (
                t("Net revenue of these"),
                context.money.exact(totals["net_revenue"]),
                totals["net_revenue"],
            ),
            (t("First and last sale"), span + formats.day_short(totals["last_date"]), None),
        ]
    )


def _why(context: Context, month: date, before: date) -> list[Block]:
    """Net revenue's change as a sentence, by its factors and by the channels that moved most."""
    span = {"now": month, "before": before}
    row = context.row(_FACTORS, span)
    total = row["known"] + row["others"] - row["known_before"] - row["others_before"]
    effects = shares_of_change(
        [
            (row["customers"], row["customers_before"]),
            (
                _over(row["sales"], row["customers"]),
                _over(row["sales_before"], row["customers_before"]),
            ),
            (_over(row["known"], row["sales"]), _over(row["known_before"], row["sales_before"])),
        ]
    )
    money = context.money
    blocks: list[Block] = []
    if effects is not None:
        written = [
            (t("Customers with a sale"), row["customers_before"], row["customers"], formats.count),
            (
                t("Sales per customer"),
                _over(row["sales_before"], row["customers_before"]),
                _over(row["sales"], row["customers"]),
                formats.decimal,
            ),
            (
                t("Average order value"),
                _over(row["known_before"], row["sales_before"]),
                _over(row["known"], row["sales"]),
                money.exact,
            ),
            (
                t("Buyers not identified"),
                row["others_before"],
                row["others"],
                money.whole,
            ),
        ]
        effects = [*effects, float(row["others"] - row["others_before"])]
        blocks.append(Note(_sentence(context, total, effects, month, before), is_lead=True))
        blocks.append(
            Table(
                "overview-why",
                t("What moved net revenue"),
                [
                    Column(t("Factor"), "text"),
                    Column(formats.month_short(before)),
                    Column(formats.month_short(month)),
                    Column(t("Effect on net revenue")),
                ],
                [
                    [
                        Cell(label),
                        Cell(write(was), was),
                        Cell(write(now), now),
                        Cell(signed(money.whole(effect), effect), round(effect, 2)),
                    ]
                    for (label, was, now, write), effect in zip(written, effects, strict=True)
                ],
                total=[
                    Cell(t("All")),
                    Cell(
                        money.whole(row["known_before"] + row["others_before"]),
                        row["known_before"] + row["others_before"],
                    ),
                    Cell(money.whole(row["known"] + row["others"]), row["known"] + row["others"]),
                    Cell(signed(money.whole(total), total), total),
                ],
                note=t(
                    "Net revenue of identified buyers is customers times sales per customer times "
                    "average order value; the change is shared among the three in proportion to "
                    "their logarithms, so that the effects add up."
                ),
                source=context.source(_FACTORS, span, first=before, last=month),
            )
        )
    channels = context.rows(_CHANNELS_SQL, span)[:_CHANNELS]
    if len(channels) > 1:
        blocks.append(
            Table(
                "overview-channels",
                t("Acquisition channels whose customers' net revenue moved most"),
                [
                    Column(t("Acquisition channel"), "text"),
                    Column(formats.month_short(before)),
                    Column(formats.month_short(month)),
                    Column(t("Change")),
                ],
                [
                    [
                        Cell(formats.words(one["name"]) if one["name"] else t("Not known")),
                        Cell(money.whole(one["before"]), one["before"]),
                        Cell(money.whole(one["now"]), one["now"]),
                        _difference(context, one["now"] - one["before"]),
                    ]
                    for one in channels
                ],
                source=context.source(_CHANNELS_SQL, span, first=before, last=month),
            )
        )
    return blocks


def _difference(context: Context, value: Decimal) -> Cell:
    return Cell(signed(context.money.whole(value), value), value)


def signed(text: str, value: float | Decimal) -> str:
    """A change with its plus sign; a minus is there already."""
    return f"+{text}" if round(value) > 0 else text


def _sentence(
    context: Context, total: Decimal, effects: list[float], month: date, before: date
) -> str:
    size = context.money.whole(abs(total))
    if round(total) == 0:
        return t("Net revenue of {month} is that of {before}.").format(
            month=formats.month_name(month), before=formats.month_name(before)
        )
    text = (
        t("Net revenue rose by {size} from {before} to {month}.")
        if total > 0
        else t("Net revenue fell by {size} from {before} to {month}.")
    ).format(size=size, month=formats.month_name(month), before=formats.month_name(before))
    reasons = [
        (t("more customers bought"), t("fewer customers bought")),
        (t("each bought more often"), t("each bought less often")),
        (t("orders were larger"), t("orders were smaller")),
        (t("more came from buyers not identified"), t("less came from buyers not identified")),
    ]
    ranked = sorted(zip(effects, reasons, strict=True), key=lambda pair: -abs(pair[0]))
    parts = [
        f"{words[0] if effect > 0 else words[1]} ({signed(context.money.whole(effect), effect)})"
        for effect, words in ranked
        if round(effect) != 0
    ]
    if not parts:
        return text
    why = t("By weight: {reasons}.").format(reasons=", ".join(parts))
    return f"{text} {why}"


def shares_of_change(factors: list[tuple[Any, Any]]) -> list[float] | None:
    """How much each factor (now, before) of a product moved it; the shares add up to its change.

    The logarithmic mean Divisia index (Ang 2005); None when a factor is nothing or negative.
    """
    if any(not now or not was or now <= 0 or was <= 0 for now, was in factors):
        return None
    logs = [math.log(float(now) / float(was)) for now, was in factors]
    end = math.prod(float(now) for now, _ in factors)
    start = math.prod(float(was) for _, was in factors)
    change = math.log(end / start)
    mean = start if abs(change) < 1e-12 else (end - start) / change
    return [mean * one for one in logs]


def _over(value: Any, number: Any) -> Any:
    return value / number if number else None


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
        return t("first month, nothing to compare"), "none"
    name = formats.month_short(before)
    if value is None or previous is None:
        return t("not comparable with {month}").format(month=name), "none"
    if is_share:
        difference = (Decimal(str(value)) - Decimal(str(previous))) * 100
        size = t("{difference} points").format(difference=formats.decimal(abs(difference), 1))
    elif previous <= 0:
        if value == previous:
            return t("as in {month}").format(month=name), "level"
        return t("from none in {month}").format(month=name), "up"
    else:
        difference = (Decimal(str(value)) / Decimal(str(previous)) - 1) * 100
        size = formats.percent(abs(difference) / 100)
    if round(difference, 1) == 0:
        return t("as in {month}").format(month=name), "level"
    if difference > 0:
        return t("up {size} on {month}").format(size=size, month=name), "up"
    return t("down {size} on {month}").format(size=size, month=name), "down"
