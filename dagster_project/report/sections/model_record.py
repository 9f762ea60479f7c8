"""The models' record: how each did on days that it had not seen, and what was fitted."""

from dagster_project.report import formats
from dagster_project.report.blocks import Cell, Column, Table
from dagster_project.report.context import Context, Row
from dagster_project.report.language import t

QUALITY = """
    select model, metric, value, note from model_quality where model is not null order by 1, 2
"""

# Rows of QUALITY by (model, metric).
Quality = dict[tuple[str, str], Row]


def published(quality: Quality, model: str, metric: str) -> float | None:
    """A figure of a model; None when the build did not publish it."""
    row = quality.get((model, metric))
    return row["value"] if row else None


def percent_cell(share: float | None) -> Cell:
    """A share as a cell."""
    return Cell(formats.percent(share), share)


def record(context: Context, quality: Quality) -> Table:
    """One line per model: its error and the simple rule's, on days that it had not seen."""
    lines: list[list[Cell]] = []

    def error(label: str, model: str, measure: str, better: float | None, *values: Cell) -> None:
        verdict = (
            t("Better than the simple rule") if better else t("No better than the simple rule")
        )
        state = "pass" if better else "warn"
        lines.append([Cell(label), Cell(measure), *values, Cell(verdict, status=state)])

    for model, label, write in (
        ("expected_orders", t("Orders of a customer"), lambda v: formats.decimal(v)),
        ("predicted_value", t("Value of a customer"), context.money.exact),
    ):
        found = published(quality, model, "holdout_rmse")
        baseline = published(quality, model, "baseline_rmse")
        if found is None or baseline is None:
            continue
        days = formats.count(published(quality, model, "holdout_days"))
        error(
            label,
            model,
            t("Typical error over {days} days").format(days=days),
            published(quality, model, "beats_baseline"),
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
        found = published(quality, f"{model}.{kind}", "auc")
        baseline = published(quality, f"{model}.baseline", "auc")
        if found is None or baseline is None:
            continue
        days = formats.count(published(quality, model, "horizon_days"))
        error(
            label,
            model,
            t("Pairs put in the right order, {days} days").format(days=days),
            published(quality, model, "beats_baseline"),
            percent_cell(found),
            percent_cell(baseline),
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
        source=context.source(QUALITY),
    )


def closed_horizon(context: Context, quality: Quality) -> Table:
    """What was predicted of the last closed horizon, in total, beside what then happened."""
    lines = []
    for model, label in (
        ("churn_propensity", t("Customers who leave, {days} days")),
        ("repurchase_propensity", t("Customers who buy again, {days} days")),
    ):
        predicted = published(quality, model, "predicted_rate")
        actual = published(quality, model, "actual_rate")
        if predicted is not None and actual is not None:
            days = formats.count(published(quality, model, "horizon_days"))
            cells = [Cell(label.format(days=days)), percent_cell(predicted), percent_cell(actual)]
            lines.append([*cells, percent_cell(predicted / actual if actual else None)])
    for model, label, written in (
        ("expected_orders", t("Orders of known customers, {days} days"), formats.count),
        ("predicted_value", t("Net revenue of known customers, {days} days"), context.money.whole),
    ):
        ratio = published(quality, model, "holdout_total_ratio")
        if ratio is not None:
            days = formats.count(published(quality, model, "holdout_days"))
            name = label.format(days=days)
            totals = [
                Cell(written(total), total)
                for which in ("predicted", "actual")
                for total in [published(quality, model, f"holdout_{which}_total")]
            ]
            lines.append([Cell(name), *totals, percent_cell(ratio)])
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
        source=context.source(QUALITY),
    )


def _better_candidate(quality: Quality, model: str) -> str:
    def brier(kind: str) -> float:
        value = published(quality, f"{model}.{kind}", "brier")
        return value if value is not None else 1.0

    return min(("logistic", "gradient_boosting"), key=brier)


def parameters(context: Context, quality: Quality) -> Table:
    """What the purchase and value models were fitted to, with standard errors."""
    names = {
        "bg_nbd": ("r", "alpha", "a", "b"),
        "mbg_nbd": ("r", "alpha", "a", "b"),
        "gamma_gamma": ("p", "q", "gamma"),
    }
    titles = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "gamma_gamma": t("Gamma-Gamma")}
    rows = []
    for model, parameters in names.items():
        for name in (*parameters, "log_likelihood", "customers"):
            value = published(quality, model, name)
            if value is None:
                continue
            deviation = published(quality, model, f"{name}_standard_error")
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
        source=context.source(QUALITY),
    )
