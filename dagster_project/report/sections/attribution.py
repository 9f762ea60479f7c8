"""Which channels the sales of the last twelve complete months are credited to, model by model."""

from datetime import date
from decimal import Decimal

from dagster_project.report import formats
from dagster_project.report.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Folded,
    Note,
    Section,
    Source,
    Table,
    bar_share,
)
from dagster_project.report.context import CHART_MONTHS, Context, Row, add_months, month_range
from dagster_project.report.cubes import Cube, Measure, Pivot, cube, time_figure
from dagster_project.report.language import noted, nt, t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("attribution_channels", "marketing_spend", "touchpoints")

_MONTHS = 12
# Channels with a colour of their own in the chart.
_DRAWN = 5
_CHANNELS = 20
_CAMPAIGN_ROWS = 25

MODEL_NAMES = {
    "first": noted("First touch"),
    "last": noted("Last touch"),
    "last_non_direct": noted("Last non-direct"),
    "linear": noted("Linear"),
    "u_shaped": noted("U-shaped"),
    "w_shaped": noted("W-shaped"),
    "time_decay": noted("Time decay"),
    "markov": noted("Markov"),
    "shapley": noted("Shapley"),
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

_SPEND = """
    select channel, sum(spend) as spend
    from marketing_spend
    where month between $first and $last
    group by channel
"""

_CAMPAIGNS = """
    with credited as (
        select
            campaign_id, channel,
            sum(attributed_revenue) as revenue,
            sum(new_customers) as new_customers
        from attribution_channels
        where month between $first and $last and model = $model and campaign_id <> '(none)'
        group by campaign_id, channel
    ),
    spent as (
        select campaign_id, channel, sum(spend) as spend
        from marketing_spend
        where month between $first and $last and campaign_id <> '(none)'
        group by campaign_id, channel
    )
    select
        campaign_id, channel,
        coalesce(c.revenue, 0) as revenue,
        coalesce(c.new_customers, 0) as new_customers,
        coalesce(s.spend, 0) as spend
    from credited as c
    full join spent as s using (campaign_id, channel)
    order by revenue desc, campaign_id, channel
"""

_MONTHLY = """
    select month, channel, sum(attributed_revenue) as revenue
    from attribution_channels
    where model = $model and month is not null and channel is not null
    group by month, channel
    order by month, channel
"""

_FIRST_MONTH = "select min(month) as month from attribution_channels"


def build(context: Context) -> Section:
    """Revenue by channel under each model side by side, then return on the money spent."""
    section = {
        "id": "attribution",
        "title": t("Marketing channels"),
        "definition": t("A sale with no touch stands under (none)."),
    }
    first_month = context.row(_FIRST_MONTH)["month"]
    last = context.last_complete_month
    if first_month is None:
        return Section(
            **section,
            absent=context.absent(
                t("No sales and no ad spend"), "shop.orders", "marketing.ad_spend"
            ),
        )
    if first_month > last:
        return Section(**section, absent=t("No month is complete yet."))
    first = max(first_month, add_months(last, 1 - _MONTHS))
    span = {"first": first, "last": last}
    credit = context.rows(_CREDIT, span)
    source = context.source(_CREDIT, span, **span)
    spend = {row["channel"]: row["spend"] for row in context.rows(_SPEND, span)}
    revenue = {(r["channel"], r["model"]): r["revenue"] or Decimal(0) for r in credit}
    models = _in_order({r["model"] for r in credit})
    if not models:
        return Section(**section, absent=t("No sales to share among channels in these months."))
    channels = sorted(
        {r["channel"] for r in credit} | set(spend),
        key=lambda c: (-sum(revenue.get((c, m), 0) for m in models), str(c)),
    )
    period = (
        t("{first} to {last}").format(
            first=formats.month_name(first), last=formats.month_name(last)
        )
        if first < last
        else formats.month_name(last)
    )
    if not context.has("touchpoints") and not any(spend.values()):
        total = max(sum(revenue.get((c, m), Decimal(0)) for c in channels) for m in models)
        return Section(
            **section,
            absent=t(
                "No sessions, clicked messages, answered calls or social interactions came, and "
                "no ad spend: the {total} of {period} stand under (none), whatever the model."
            ).format(total=context.money.exact(total), period=period),
        )
    # The model that most analytics tools show, so that the figures can be set beside theirs.
    model = "last_non_direct" if "last_non_direct" in models else models[0]
    figure, months = _months(context, model)
    blocks: list[Block] = [
        figure,
        _revenue_table(context, channels, models, revenue, spend, period, source),
    ]
    if any(spend.values()):
        blocks.append(_roas_table(context, channels, models, revenue, spend, period, source))
    else:
        blocks.append(
            Note(t("There is no ad spend in these months, so there is no return on it to show."))
        )
    if not context.has("touchpoints"):
        blocks.insert(
            0,
            Note(
                t(
                    "There are no sessions, clicked messages, answered calls or social "
                    "interactions, so no sale has a touch and all revenue stands under (none)."
                )
            ),
        )
    campaigns = context.rows(_CAMPAIGNS, {**span, "model": model})
    if campaigns:
        about = context.source(_CAMPAIGNS, {**span, "model": model}, **span)
        table = _campaigns_table(context, campaigns, model, period, about)
        blocks.append(Folded(t("Campaigns"), [table]))
    return Section(**section, blocks=blocks, cubes=(months,))


def model_name(model: str) -> str:
    """An attribution model as a reader knows it."""
    return t(MODEL_NAMES[model]) if model in MODEL_NAMES else formats.clean(model)


def _months(context: Context, model: str) -> tuple[Figure, Cube]:
    """Revenue credited by month under one model, the channels with most of it apart."""
    rows = context.rows(_MONTHLY, {"model": model})
    weight: dict[str, Decimal] = {}
    for row in rows:
        weight[row["channel"]] = weight.get(row["channel"], Decimal(0)) + (row["revenue"] or 0)
    shown = sorted(weight, key=lambda name: (-weight[name], name))[:_DRAWN]
    place = {name: f"channel_{index}" for index, name in enumerate(shown)}
    names = [*place.values(), "others"]
    lines: dict[date, Row] = {}
    for row in rows:
        line = lines.setdefault(row["month"], {"month": row["month"], **dict.fromkeys(names, 0)})
        line[place.get(row["channel"], "others")] += row["revenue"] or 0
    months = cube("attribution", list(lines.values()), (), names)
    last = context.as_of.replace(day=1)
    span = month_range(max(months.months[0], add_months(last, 1 - CHART_MONTHS)), last)
    measures = [
        Measure(formats.words(name), place[name], kind="money", mark="column") for name in shown
    ]
    if len(weight) > len(shown):
        measures.append(Measure(t("Other channels"), "others", kind="money", mark="column"))
    pivot = Pivot(
        "attribution-chart",
        t("Net revenue credited by month, {model}").format(
            model=formats.first_small(model_name(model))
        ),
        months,
        "month",
        tuple(measures),
        context.source(_MONTHLY, {"model": model}, months=span),
        t("Month"),
        None,
        tuple(span),
    )
    return time_figure(context, pivot), months


def _in_order(models: set[str]) -> list[str]:
    known = [model for model in MODEL_NAMES if model in models]
    return known + sorted(models - set(known))


def _model_columns(models: list[str]) -> list[Column]:
    return [Column(model_name(model)) for model in models]


def _revenue_table(
    context: Context,
    channels: list[str],
    models: list[str],
    revenue: dict[tuple[str, str], Decimal],
    spend: dict[str, Decimal],
    period: str,
    source: Source,
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
        rows.append(
            line(nt("{n} more channel", "{n} more channels", len(rest)).format(n=len(rest)), rest)
        )
    return Table(
        "attribution-revenue",
        t("Net revenue credited to each channel, {period}").format(period=period),
        [
            Column(t("Channel"), "text"),
            *([Column(t("Spend"))] if has_spend else []),
            *_model_columns(models),
        ],
        rows,
        total=[Cell(cell.text, cell.value) for cell in line(t("All channels"), channels)],
        note=t("Every bar has the same scale, so channels and models compare across the table."),
        is_wide=True,
        source=source,
    )


def _campaigns_table(
    context: Context, rows: list[Row], model: str, period: str, source: Source
) -> Table:
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
        t("The {n} with the least revenue are left out.").format(n=len(rows) - len(shown))
        if (len(rows) > len(shown))
        else ""
    )
    return Table(
        "attribution-campaigns",
        t("Campaigns, {model}, {period}").format(
            model=formats.first_small(model_name(model)), period=period
        ),
        [
            Column(t("Campaign"), "text"),
            Column(t("Channel"), "text"),
            Column(t("Net revenue")),
            Column(t("New customers")),
            Column(t("Spend")),
            Column(t("ROAS")),
            Column(t("Cost per new customer")),
        ],
        cells,
        note=" ".join(
            filter(
                None,
                [t("New customers are the credits of first sales, and so come in parts."), more],
            )
        ),
        is_wide=True,
        source=source,
    )


def _roas_table(
    context: Context,
    channels: list[str],
    models: list[str],
    revenue: dict[tuple[str, str], Decimal],
    spend: dict[str, Decimal],
    period: str,
    source: Source,
) -> Table:
    paid = [channel for channel in channels if spend.get(channel)][:_CHANNELS]
    ratios = {(c, m): revenue.get((c, m), Decimal(0)) / spend[c] for c in paid for m in models}
    top = max(ratios.values(), default=Decimal(0))
    return Table(
        "attribution-roas",
        t("Return on ad spend of channels with spend, {period}").format(period=period),
        [Column(t("Channel"), "text"), Column(t("Spend")), *_model_columns(models)],
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
        note=t("1.00 means that the channel brought back what was spent on it."),
        is_wide=True,
        source=source,
    )
