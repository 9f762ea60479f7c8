"""What customers brought and may bring, and how far these predictions can be trusted."""

from dagster_project.report import formats
from dagster_project.report.blocks import (
    Block,
    Cell,
    Column,
    Facts,
    Folded,
    Note,
    Section,
    Table,
    bar_share,
)
from dagster_project.report.context import Context, Row
from dagster_project.report.differences import interval_cell, interval_column
from dagster_project.report.language import noted, t
from dagster_project.report.sections.model_record import (
    QUALITY,
    Quality,
    closed_horizon,
    parameters,
    percent_cell,
    published,
    record,
)

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("customer_value", "customers", "driver_analysis", "model_quality")

_TOTALS = """
    select
        count(*) filter (where v.order_count > 0) as buyers,
        count(*) filter (where v.order_count > 0 and not c.is_profiling_withdrawn) as profiled,
        count(v.predicted_12m_value) as predicted,
        sum(v.predicted_12m_value) as value,
        sum(v.expected_orders_12m) as orders,
        sum(1 - v.churn_probability) as staying,
        count(v.churn_probability) as judged,
        count(*) filter (where v.churn_probability > 0.5) as leaving,
        count(v.next_order_expected_date) as dated
    from customer_value as v
    left join customers as c on v.customer_id = c.customer_id
"""

# Customers with the same value fall into the same or the next tenth by nothing but their id.
_TENTHS = """
    select
        tenth, count(*) as customers, sum(ltv_to_date) as so_far,
        sum(predicted_12m_value) as value, sum(expected_orders_12m) as orders,
        avg(churn_probability) as churn
    from (
        select *, ntile(10) over (order by predicted_12m_value desc, customer_id) as tenth
        from customer_value
        where predicted_12m_value is not null
    )
    group by tenth
    order by tenth
"""

_DRIVERS = """
    select feature, outcome, estimate, ci_low, ci_high, n
    from driver_analysis
    where method = 'spearman' and outcome in ('churn', 'value') and estimate is not null
"""

_TRAITS = {
    "days_since_last_order": noted("Days since the last order"),
    "purchase_days": noted("Days with a purchase"),
    "mean_gap_days": noted("Days between purchases"),
    "average_order_value": noted("Value of an order"),
    "discount_share": noted("Share bought at a discount"),
    "weekend_share": noted("Share bought at weekends"),
    "sales_channels": noted("Sales channels used"),
    "category_count": noted("Kinds of goods bought"),
    "call_count": noted("Calls to the company"),
}


def build(context: Context) -> Section:
    """Expected value by tenth of customers, the models' record, what goes with leaving."""
    section = {
        "id": "value",
        "title": t("Customer value ahead"),
        "definition": t(
            "Expected value is an average over people with the same history, not a promise by "
            "one of them."
        ),
    }
    totals = context.row(_TOTALS)
    if not totals["buyers"]:
        return Section(
            **section, absent=context.absent(t("No sales of identified buyers"), "shop.orders")
        )
    quality: Quality = {(row["model"], row["metric"]): row for row in context.rows(QUALITY)}
    blocks: list[Block] = []
    if totals["predicted"]:
        blocks += [_facts(context, totals, quality), _tenths(context, quality)]
    else:
        blocks.append(
            Note(
                t("Nothing is predicted: {quality}.").format(
                    quality=_reason(quality, "predicted_value", "bg_nbd")
                )
            )
        )
    tested = record(context, quality)
    if tested.rows:
        blocks.append(tested)
    closed = closed_horizon(context, quality)
    if closed.rows:
        blocks.append(closed)
    drivers = _drivers(context)
    if drivers:
        blocks.append(Folded(t("What goes together with leaving and with value"), [drivers]))
    fitted = parameters(context, quality)
    if fitted.rows:
        blocks.append(Folded(t("Parameters of the models"), [fitted]))
    return Section(**section, blocks=blocks)


def _reason(quality: Quality, *models: str) -> str:
    for model in (*models, "customer_values"):
        row = quality.get((model, "fitted"))
        if row and not row["value"] and row["note"]:
            return formats.clean(row["note"])
    return t("the build does not say why")


def _facts(context: Context, totals: Row, quality: Quality) -> Facts:
    horizon = published(quality, "churn_propensity", "horizon_days")
    items = [
        (
            t("Expected in twelve months"),
            context.money.whole(totals["value"]),
            totals["value"],
        ),
        (t("Expected orders"), formats.count(totals["orders"]), totals["orders"]),
    ]
    if horizon and totals["judged"]:
        staying = t("about {alive} of {predicted}").format(
            alive=formats.count(totals["staying"]), predicted=formats.count(totals["judged"])
        )
        items.append(
            (
                t("Still customers: to buy again within {days} days").format(
                    days=formats.count(horizon)
                ),
                staying,
                totals["staying"],
            )
        )
        items.append(
            (
                t("More likely than not to buy nothing for {horizon} days").format(
                    horizon=formats.count(horizon)
                ),
                formats.count(totals["leaving"]),
                totals["leaving"],
            )
        )
    withdrawn = totals["buyers"] - totals["profiled"]
    if withdrawn > 0:
        items.append((t("Buyers who are not profiled"), formats.count(withdrawn), withdrawn))
    return Facts(items)


def _tenths(context: Context, quality: Quality) -> Table:
    note = t(
        "Purchases: the number expected in the twelve months. Likely to leave: mean probability "
        "of no purchase within the churn horizon."
    )
    chosen = quality.get(("predicted_value", "chosen"))
    if chosen and (chosen["note"] or "").startswith("shrunk_rate"):
        more = t(
            "Expected value continues each customer's own pace and mean, drawn towards those of "
            "customers alike, because no model was closer on days that it had not seen."
        )
        note = f"{note} {more}"
    rows = context.rows(_TENTHS)
    total = sum((row["value"] or 0) for row in rows)
    top = max((row["value"] or 0) for row in rows)
    return Table(
        "value-tenths",
        t("Customers with a sale by expected value, the best tenth first"),
        [
            Column(t("Tenth"), "text"),
            Column("", "bar"),
            Column(t("Customers")),
            Column(t("Expected")),
            Column(t("Share")),
            Column(t("So far")),
            Column(t("Purchases")),
            Column(t("Likely to leave")),
        ],
        [
            [
                Cell(
                    formats.count(row["tenth"])
                    if len(rows) == 10
                    else t("Part {tenth}").format(tenth=row["tenth"])
                ),
                Cell("", bar=bar_share(row["value"], top)),
                Cell(formats.count(row["customers"]), row["customers"]),
                Cell(context.money.whole(row["value"]), row["value"]),
                percent_cell(row["value"] / total if total else None),
                Cell(context.money.whole(row["so_far"]), row["so_far"]),
                Cell(formats.count(row["orders"]), row["orders"]),
                percent_cell(row["churn"]),
            ]
            for row in rows
        ],
        note=note,
        is_wide=True,
        source=context.source(_TENTHS),
    )


def _drivers(context: Context) -> Table | None:
    found: dict[str, dict[str, Row]] = {}
    for row in context.rows(_DRIVERS):
        found.setdefault(formats.clean(row["feature"]), {})[row["outcome"]] = row
    if not found:
        return None

    def strength(feature: str) -> float:
        row = found[feature].get("churn") or found[feature].get("value") or {}
        return -abs(row.get("estimate") or 0)

    def cells(row: Row | None) -> list[Cell]:
        if row is None:
            return [Cell(formats.NO_VALUE), Cell(formats.NO_VALUE)]
        return [
            Cell(formats.decimal(row["estimate"]), row["estimate"]),
            interval_cell(formats.decimal, row["ci_low"], row["ci_high"]),
        ]

    return Table(
        "value-drivers",
        t("Rank correlation with leaving and with later value"),
        [
            Column(t("Of a customer, one horizon ago"), "text"),
            Column(t("With leaving")),
            interval_column(),
            Column(t("With value")),
            interval_column(),
        ],
        [
            [
                Cell(t(_TRAITS.get(feature, feature))),
                *cells(found[feature].get("churn")),
                *cells(found[feature].get("value")),
            ]
            for feature in sorted(found, key=lambda name: (strength(name), name))
        ],
        note=t(
            "From \u22121 (the more of it, the less) over 0 (nothing in common) to 1. What goes "
            "together need not be a cause: it tells where to look. Regression, discriminant, "
            "factor and frequency analysis are in the mart driver_analysis."
        ),
        is_wide=True,
        source=context.source(_DRIVERS),
    )
