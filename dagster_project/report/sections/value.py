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
from dagster_project.report.language import noted, t

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

_QUALITY = """
    select model, metric, value, note from model_quality where model is not null order by 1, 2
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
    quality: dict[tuple[str, str], Row] = {
        (row["model"], row["metric"]): row for row in context.rows(_QUALITY)
    }
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
    record = _record(context, quality)
    if record.rows:
        blocks.append(record)
    closed = _closed_horizon(context, quality)
    if closed.rows:
        blocks.append(closed)
    drivers = _drivers(context)
    if drivers:
        blocks.append(Folded(t("What goes together with leaving and with value"), [drivers]))
    parameters = _parameters(context, quality)
    if parameters.rows:
        blocks.append(Folded(t("Parameters of the models"), [parameters]))
    return Section(**section, blocks=blocks)


def _reason(quality: dict[tuple[str, str], Row], *models: str) -> str:
    for model in (*models, "customer_values"):
        row = quality.get((model, "fitted"))
        if row and not row["value"] and row["note"]:
            return formats.clean(row["note"])
    return t("the build does not say why")


def _value(quality: dict[tuple[str, str], Row], model: str, metric: str) -> float | None:
    row = quality.get((model, metric))
    return row["value"] if row else None


def _facts(context: Context, totals: Row, quality: dict[tuple[str, str], Row]) -> Facts:
    horizon = _value(quality, "churn_propensity", "horizon_days")
    items = [
        (
            t("Expected in twelve months"),
            context.money.whole(totals["value"]),
            totals["value"],
        ),
        (t("Expected purchases"), formats.count(totals["orders"]), totals["orders"]),
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


def _tenths(context: Context, quality: dict[tuple[str, str], Row]) -> Table:
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
                _percent(row["value"] / total if total else None),
                Cell(context.money.whole(row["so_far"]), row["so_far"]),
                Cell(formats.count(row["orders"]), row["orders"]),
                _percent(row["churn"]),
            ]
            for row in rows
        ],
        note=note,
        is_wide=True,
        source=context.source(_TENTHS),
    )


def _percent(share: float | None) -> Cell:
    return Cell(formats.percent(share), share)


def _record(context: Context, quality: dict[tuple[str, str], Row]) -> Table:
    """One line per model: its error and the simple rule's, on days that it had not seen."""
    lines: list[list[Cell]] = []

    def error(label: str, model: str, measure: str, better: float | None, *values: Cell) -> None:
        verdict = (
            t("Better than the simple rule") if better else t("No better than the simple rule")
        )
        state = "pass" if better else "warn"
        lines.append([Cell(label), Cell(measure), *values, Cell(verdict, status=state)])

    for model, label, write in (
        ("expected_orders", t("Purchases of a customer"), lambda v: formats.decimal(v)),
        ("predicted_value", t("Value of a customer"), context.money.exact),
    ):
        found = _value(quality, model, "holdout_rmse")
        baseline = _value(quality, model, "baseline_rmse")
        if found is None or baseline is None:
            continue
        days = formats.count(_value(quality, model, "holdout_days"))
        error(
            label,
            model,
            t("Typical error over {days} days").format(days=days),
            _value(quality, model, "beats_baseline"),
            Cell(write(found), found),
            Cell(write(baseline), baseline),
        )
    for model, label in (
        ("churn_propensity", t("Who leaves")),
        ("repurchase_propensity", t("Who buys again")),
    ):
        chosen = quality.get((model, "chosen"))
        kind = (chosen["note"] or "").split(":")[0] if chosen else ""
        if kind == "baseline":
            kind = _better_candidate(quality, model)
        found = _value(quality, f"{model}.{kind}", "auc")
        baseline = _value(quality, f"{model}.baseline", "auc")
        if found is None or baseline is None:
            continue
        days = formats.count(_value(quality, model, "horizon_days"))
        error(
            label,
            model,
            t("Pairs put in the right order, {days} days").format(days=days),
            _value(quality, model, "beats_baseline"),
            _percent(found),
            _percent(baseline),
        )
    return Table(
        "value-record",
        t("How the models did on a later period that they had not seen"),
        [
            Column(t("What is predicted"), "text"),
            Column(t("Measured by"), "text"),
            Column(t("Model")),
            Column(t("Simple rule")),
            Column(t("Verdict"), "status"),
        ],
        lines,
        note=t(
            "The simple rule continues each customer's own past, drawn towards customers alike, or "
            "takes the rate among those who bought as long ago, and predicts wherever the model is "
            "no better: by the Tweedie deviance, or, for who leaves and who buys again, clearly by "
            "the Brier score. By chance, half of all pairs would be in the right order."
        ),
        is_wide=True,
        source=context.source(_QUALITY),
    )


def _closed_horizon(context: Context, quality: dict[tuple[str, str], Row]) -> Table:
    """What was predicted of the last closed horizon, in total, beside what then happened."""
    lines = []
    for model, label in (
        ("churn_propensity", t("Customers who leave, {days} days")),
        ("repurchase_propensity", t("Customers who buy again, {days} days")),
    ):
        predicted = _value(quality, model, "predicted_rate")
        actual = _value(quality, model, "actual_rate")
        if predicted is not None and actual is not None:
            days = formats.count(_value(quality, model, "horizon_days"))
            cells = [Cell(label.format(days=days)), _percent(predicted), _percent(actual)]
            lines.append([*cells, _percent(predicted / actual if actual else None)])
    for model, label in (
        ("expected_orders", t("Purchases of known customers, {days} days")),
        ("predicted_value", t("Net revenue of known customers, {days} days")),
    ):
        ratio = _value(quality, model, "holdout_total_ratio")
        if ratio is not None:
            days = formats.count(_value(quality, model, "holdout_days"))
            name = label.format(days=days)
            missing = Cell(formats.NO_VALUE)
            lines.append([Cell(name), missing, missing, _percent(ratio)])
    return Table(
        "value-closed",
        t("The last closed horizon: predicted beside actual"),
        [
            Column(t("What was predicted"), "text"),
            Column(t("Predicted")),
            Column(t("Actual")),
            Column(t("Predicted / actual")),
        ],
        lines,
        note=t(
            "By the method in force, fitted on what came before. Far from 100%, the level was "
            "wrong for everybody, however well customers were ranked."
        ),
        source=context.source(_QUALITY),
    )


def _better_candidate(quality: dict[tuple[str, str], Row], model: str) -> str:
    def brier(kind: str) -> float:
        value = _value(quality, f"{model}.{kind}", "brier")
        return value if value is not None else 1.0

    return min(("logistic", "gradient_boosting"), key=brier)


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
        interval = formats.NO_VALUE
        if row["ci_low"] is not None and row["ci_high"] is not None:
            low, high = formats.decimal(row["ci_low"]), formats.decimal(row["ci_high"])
            interval = t("{low} to {high}").format(low=low, high=high)
        return [Cell(formats.decimal(row["estimate"]), row["estimate"]), Cell(interval)]

    return Table(
        "value-drivers",
        t("Rank correlation with leaving and with later value"),
        [
            Column(t("Of a customer, one horizon ago"), "text"),
            Column(t("With leaving")),
            Column(t("95% interval")),
            Column(t("With value")),
            Column(t("95% interval")),
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


def _parameters(context: Context, quality: dict[tuple[str, str], Row]) -> Table:
    names = {
        "bg_nbd": ("r", "alpha", "a", "b"),
        "mbg_nbd": ("r", "alpha", "a", "b"),
        "gamma_gamma": ("p", "q", "gamma"),
    }
    titles = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "gamma_gamma": t("Gamma-Gamma")}
    rows = []
    for model, parameters in names.items():
        for name in (*parameters, "log_likelihood", "customers"):
            value = _value(quality, model, name)
            if value is None:
                continue
            deviation = _value(quality, model, f"{name}_standard_error")
            places = 0 if name == "customers" else 4
            rows.append(
                [
                    Cell(f"{titles[model]}: {name.replace('_', ' ')}"),
                    Cell(formats.decimal(value, places), value),
                    Cell(formats.decimal(deviation, 4), deviation),
                ]
            )
    return Table(
        "value-parameters",
        t("Fitted parameters"),
        [Column(t("Parameter"), "text"), Column(t("Value")), Column(t("Standard error"))],
        rows,
        source=context.source(_QUALITY),
    )
