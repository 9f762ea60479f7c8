"""Which channels the sales of the last twelve complete months are credited to, model by model."""

from decimal import Decimal

from dagster_project.report import formats
from dagster_project.report.blocks import (
    Block,
    Cell,
    Column,
    Folded,
    Note,
    Section,
    Table,
    bar_share,
)
from dagster_project.report.context import Context, Row, add_months

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("attribution_channels", "touchpoints")

_MONTHS = 12
_CHANNELS = 20
_CAMPAIGN_ROWS = 25

MODEL_NAMES = {
    "first": "First touch",
    "last": "Last touch",
    "last_non_direct": "Last non-direct",
    "linear": "Linear",
    "u_shaped": "U-shaped",
    "w_shaped": "W-shaped",
    "time_decay": "Time decay",
    "markov": "Markov",
    "shapley": "Shapley",
}

_CREDIT = """
    select
        channel, model,
        sum(attributed_orders) as orders,
        sum(attributed_revenue) as revenue,
        sum(new_customers) as new_customers
    from attribution_channels
    where month between $first and $last and model is not null
    group by channel, model
"""

# Spend repeats per model, and so is taken from each month, channel and campaign once.
_SPEND = """
    with once as (
        select month, channel, campaign_id, max(spend) as spend
        from (
            select month, channel, campaign_id, model, sum(spend) as spend
            from attribution_channels
            where month between $first and $last
            group by month, channel, campaign_id, model
        )
        group by month, channel, campaign_id
    )
    select channel, sum(spend) as spend from once group by channel
"""

# Spend stands on rows of one kind of sale, so within one model it may be summed.
_CAMPAIGNS = """
    select
        campaign_id, channel,
        sum(attributed_revenue) as revenue,
        sum(new_customers) as new_customers,
        sum(spend) as spend
    from attribution_channels
    where month between $first and $last and model = $model and campaign_id <> '(none)'
    group by campaign_id, channel
    order by revenue desc, campaign_id, channel
"""

_FIRST_MONTH = "select min(month) as month from attribution_channels"


def build(context: Context) -> Section:
    """Revenue by channel under each model side by side, then return on the money spent."""
    section = {
        "id": "attribution",
        "title": "Marketing channels",
        "definition": (
            "Each sale's net revenue is shared among the buyer's touches (sessions, clicked "
            "messages, answered calls, social interactions) in the days before it; the models "
            "differ in how. Under every model the shares add up to the same revenue, to the cent. "
            "A sale with no touch stands under (none). ROAS is attributed revenue over spend."
        ),
    }
    first_month = context.row(_FIRST_MONTH)["month"]
    last = context.last_complete_month
    if first_month is None:
        return Section(
            **section,
            absent=context.absent("sales and no ad spend", "shop.orders", "marketing.ad_spend"),
        )
    if first_month > last:
        return Section(**section, absent="No month is complete yet.")
    first = max(first_month, add_months(last, 1 - _MONTHS))
    span = {"first": first, "last": last}
    credit = context.rows(_CREDIT, span)
    spend = {row["channel"]: row["spend"] for row in context.rows(_SPEND, span)}
    revenue = {(r["channel"], r["model"]): r["revenue"] or Decimal(0) for r in credit}
    models = _in_order({r["model"] for r in credit})
    if not models:
        return Section(**section, absent="No sales to share among channels in these months.")
    channels = sorted(
        {r["channel"] for r in credit} | set(spend),
        key=lambda c: (-sum(revenue.get((c, m), 0) for m in models), str(c)),
    )
    period = (
        f"{formats.month_name(first)} to {formats.month_name(last)}"
        if first < last
        else formats.month_name(last)
    )
    if not context.has("touchpoints") and not any(spend.values()):
        total = max(sum(revenue.get((c, m), Decimal(0)) for c in channels) for m in models)
        return Section(
            **section,
            absent="No sessions, clicked messages, answered calls or social interactions came, and "
            f"no ad spend: the {context.money.exact(total)} of {period} stand under (none), "
            "whatever the model.",
        )
    blocks: list[Block] = [
        _revenue_table(context, channels, models, revenue, spend, period),
    ]
    if any(spend.values()):
        blocks.append(_roas_table(context, channels, models, revenue, spend, period))
    else:
        blocks.append(
            Note("There is no ad spend in these months, so there is no return on it to show.")
        )
    if not context.has("touchpoints"):
        blocks.insert(
            0,
            Note(
                "There are no sessions, clicked messages, answered calls or social interactions, "
                "so no sale has a touch and all revenue stands under (none)."
            ),
        )
    # The model that most analytics tools show, so that the figures can be set beside theirs.
    model = "last_non_direct" if "last_non_direct" in models else models[0]
    campaigns = context.rows(_CAMPAIGNS, {**span, "model": model})
    if campaigns:
        table = _campaigns_table(context, campaigns, model, period)
        blocks.append(Folded("Campaigns", [table]))
    return Section(**section, blocks=blocks)


def _in_order(models: set[str]) -> list[str]:
    known = [model for model in MODEL_NAMES if model in models]
    return known + sorted(models - set(known))


def _model_columns(models: list[str]) -> list[Column]:
    return [Column(MODEL_NAMES.get(model, formats.clean(model))) for model in models]


def _revenue_table(
    context: Context,
    channels: list[str],
    models: list[str],
    revenue: dict[tuple[str, str], Decimal],
    spend: dict[str, Decimal],
    period: str,
) -> Table:
    money = context.money
    top = max(revenue.values(), default=Decimal(0))
    shown, rest = channels[:_CHANNELS], channels[_CHANNELS:]
    has_spend = any(spend.values())

    def line(label: str, members: list[str]) -> list[Cell]:
        sums = [sum((revenue.get((c, m), Decimal(0)) for c in members), Decimal(0)) for m in models]
        cells = [Cell(label)]
        if has_spend:
            cost = sum((spend.get(c) or Decimal(0) for c in members), Decimal(0))
            cells.append(Cell(money.whole(cost) if cost else formats.NO_VALUE, cost))
        cells += [Cell(money.whole(value), value, bar=bar_share(value, top)) for value in sums]
        return cells

    rows = [line(formats.words(channel), [channel]) for channel in shown]
    if rest:
        rows.append(line(f"{len(rest)} more channels", rest))
    return Table(
        "attribution-revenue",
        f"Net revenue credited to each channel, {period}",
        [
            Column("Channel", "text"),
            *([Column("Spend")] if has_spend else []),
            *_model_columns(models),
        ],
        rows,
        total=[Cell(cell.text, cell.value) for cell in line("All channels", channels)],
        note="Every bar has the same scale, so channels and models compare across the table.",
        is_wide=True,
    )


def _campaigns_table(context: Context, rows: list[Row], model: str, period: str) -> Table:
    money = context.money
    shown = rows[:_CAMPAIGN_ROWS]

    def per(amount: Decimal | None, number: float | Decimal | None) -> float | None:
        return float(amount) / float(number) if amount and number else None

    cells = []
    for row in shown:
        cac, roas = per(row["spend"], row["new_customers"]), per(row["revenue"], row["spend"])
        cells.append(
            [
                Cell(formats.clean(row["campaign_id"])),
                Cell(formats.words(row["channel"])),
                Cell(money.whole(row["revenue"]), row["revenue"]),
                Cell(formats.decimal(row["new_customers"], 1), row["new_customers"]),
                Cell(money.whole(row["spend"] or None), row["spend"]),
                Cell(formats.decimal(roas), roas),
                Cell(money.exact(cac), cac),
            ]
        )
    more = (
        f" The {len(rows) - len(shown)} with the least revenue are left out."
        if (len(rows) > len(shown))
        else ""
    )
    return Table(
        "attribution-campaigns",
        f"Campaigns, {MODEL_NAMES.get(model, formats.clean(model)).lower()}, {period}",
        [
            Column("Campaign", "text"),
            Column("Channel", "text"),
            Column("Net revenue"),
            Column("New customers"),
            Column("Spend"),
            Column("ROAS"),
            Column("Cost per new customer"),
        ],
        cells,
        note="New customers are the credits of first sales, and so come in parts." + more,
        is_wide=True,
    )


def _roas_table(
    context: Context,
    channels: list[str],
    models: list[str],
    revenue: dict[tuple[str, str], Decimal],
    spend: dict[str, Decimal],
    period: str,
) -> Table:
    paid = [channel for channel in channels if spend.get(channel)][:_CHANNELS]
    ratios = {(c, m): revenue.get((c, m), Decimal(0)) / spend[c] for c in paid for m in models}
    top = max(ratios.values(), default=Decimal(0))
    return Table(
        "attribution-roas",
        f"Return on ad spend of channels with spend, {period}",
        [Column("Channel", "text"), Column("Spend"), *_model_columns(models)],
        [
            [
                Cell(formats.words(c)),
                Cell(context.money.whole(spend[c]), spend[c]),
                *(
                    Cell(
                        formats.decimal(ratios[c, m]),
                        ratios[c, m],
                        bar=bar_share(ratios[c, m], top),
                    )
                    for m in models
                ),
            ]
            for c in paid
        ],
        note="1.00 means that the channel brought back what was spent on it.",
        is_wide=True,
    )
