"""Units sold by week, and what is expected of the weeks ahead."""

from typing import Any

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Figure, Note, Section, Table
from dagster_project.report.charts import WEEKS, Series, time_plot
from dagster_project.report.context import Context, Row
from dagster_project.report.language import t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("demand_forecast", "model_quality")

TOTAL = "(all)"
_PAST_WEEKS = 52
_WEEKS = 8
_CATEGORIES = 20

_WEEKLY = """
    select
        category, week_start, is_forecast, units_sold, forecast_units, lower_units, upper_units,
        model, mase
    from demand_forecast
    where category is not null and week_start is not null
    order by category, week_start
"""

_REASONS = """
    select model, note from model_quality
    where model like 'demand_forecast%' and metric = 'fitted' and value = 0
"""


def build(context: Context) -> Section:
    """All goods as a chart, then a line per category with the error of the rule that was used."""
    section = {
        "id": "forecast",
        "title": t("Demand ahead"),
        "definition": t(
            "Units of goods sold per complete week, and the middle of what is expected of the "
            "eight weeks after, with the range that should hold 19 weeks of 20. The method is the "
            "one that was closest from earlier weeks."
        ),
    }
    rows = context.rows(_WEEKLY)
    if not rows:
        return Section(
            **section,
            absent=context.absent(t("No goods sold in a complete week"), "shop.order_lines"),
        )
    weeks: dict[str, list[Row]] = {}
    for row in rows:
        weeks.setdefault(row["category"], []).append(row)
    reasons = {row["model"]: row["note"] for row in context.rows(_REASONS)}
    blocks: list[Block] = []
    if TOTAL in weeks:
        blocks.append(_figure(context, weeks[TOTAL]))
        if not any(row["is_forecast"] for row in weeks[TOTAL]):
            reason = formats.clean(reasons.get(f"demand_forecast.{TOTAL}"))
            blocks.append(
                Note(t("The weeks ahead are not forecast: {reason}.").format(reason=reason))
            )
    categories = [name for name in weeks if name != TOTAL]
    if categories:
        blocks.append(_table(context, weeks, categories, reasons))
    return Section(**section, blocks=blocks)


def _figure(context: Context, rows: list[Row]) -> Figure:
    past = [row for row in rows if not row["is_forecast"]][-_PAST_WEEKS:]
    ahead = [row for row in rows if row["is_forecast"]]
    shown = past + ahead
    title = t("Units of all goods by week")
    last = past[-1]["week_start"] if past else None
    series = [
        Series(t("Sold"), [row["units_sold"] for row in shown]),
        Series(t("Expected"), [row["forecast_units"] for row in shown]),
    ]
    if ahead:
        series.append(
            Series(t("Range that should hold 19 of 20"), [_range(row) for row in shown], "range")
        )
    plot = time_plot(
        [row["week_start"] for row in shown],
        series,
        axis=formats.short,
        reading=formats.count,
        complete_until=last,
        unit=WEEKS,
        summary=_summary(past, ahead),
    )
    return Figure("forecast-chart", title, plot, _weeks_table(context, shown, title))


def _range(row: Row) -> tuple[Any, Any] | None:
    if row["lower_units"] is None or row["upper_units"] is None:
        return None
    return row["lower_units"], row["upper_units"]


def _summary(past: list[Row], ahead: list[Row]) -> str:
    sentences = []
    known = [row for row in past if row["units_sold"] is not None]
    if known:
        high = max(known, key=lambda row: row["units_sold"])
        sentences.append(
            t(
                "Sold: {units_sold} units in the week of {week_start}, most in the week of "
                "{best_week} with {best}."
            ).format(
                units_sold=formats.count(known[-1]["units_sold"]),
                week_start=formats.day(known[-1]["week_start"]),
                best_week=formats.day(high["week_start"]),
                best=formats.count(high["units_sold"]),
            )
        )
    if ahead:
        units = sum(row["forecast_units"] or 0 for row in ahead)
        sentences.append(
            t("Expected: {units} units in the {weeks} weeks after.").format(
                units=formats.count(units), weeks=len(ahead)
            )
        )
    return " ".join(sentences) or t("No week is known.")


def _weeks_table(context: Context, rows: list[Row], title: str) -> Table:
    return Table(
        "forecast-weeks",
        title,
        [
            Column(t("Week from"), "text"),
            Column(t("Sold")),
            Column(t("Expected")),
            Column(t("At least")),
            Column(t("At most")),
        ],
        [
            [
                Cell(formats.day_short(row["week_start"])),
                *(
                    Cell(formats.count(row[name]), row[name])
                    for name in ("units_sold", "forecast_units", "lower_units", "upper_units")
                ),
            ]
            for row in rows
        ],
        source=context.source(_WEEKLY),
    )


def _rule(model: str | None) -> str:
    known = {
        None: formats.NO_VALUE,
        "seasonal_naive": t("The same week a year before"),
        "naive": t("The last week, repeated"),
        "mean": t("Mean of smoothing and ARIMA"),
        "exponential_smoothing": t("Exponential smoothing"),
        "seasonal_smoothing": t("Exponential smoothing with season"),
        "seasonal_arima": t("ARIMA with season"),
    }
    return known.get(model) or formats.clean(model)


def _table(
    context: Context,
    weeks: dict[str, list[Row]],
    categories: list[str],
    reasons: dict[str, str | None],
) -> Table:
    def line(category: str) -> tuple[float, list[Cell]]:
        ahead = [row for row in weeks[category] if row["is_forecast"]]
        past = [row for row in weeks[category] if not row["is_forecast"]][-_WEEKS:]
        sold = sum(row["units_sold"] or 0 for row in past)
        name = t("No category") if category == "(none)" else formats.clean(category)
        if not ahead:
            reason = reasons.get(f"demand_forecast.{category}")
            rule = (
                t("Not forecast: {reason}").format(reason=formats.clean(reason))
                if reason
                else t("Not forecast")
            )
            empty = [Cell(formats.NO_VALUE) for _ in range(3)]
            return -sold, [Cell(name), Cell(formats.count(sold), sold), *empty, Cell(rule)]
        expected = sum(row["forecast_units"] or 0 for row in ahead)
        change = expected / sold - 1 if sold else None
        mase = ahead[0]["mase"]
        return -sold, [
            Cell(name),
            Cell(formats.count(sold), sold),
            Cell(formats.count(expected), expected),
            Cell(formats.percent(change, 0), change),
            Cell(formats.decimal(mase), mase),
            Cell(_rule(ahead[0]["model"])),
        ]

    lines = sorted((line(category) for category in categories), key=lambda found: found[0])
    return Table(
        "forecast-categories",
        t("Units by category, eight weeks back and ahead"),
        [
            Column(t("Category"), "text"),
            Column(t("Sold")),
            Column(t("Expected")),
            Column(t("Change")),
            Column(t("Error")),
            Column(t("Forecast by"), "text"),
        ],
        [cells for _, cells in lines[:_CATEGORIES]],
        note=t(
            "Error is the mean absolute scaled error on weeks that chose nothing: below 1 the "
            "forecast was closer than repeating the past usually is. Expected adds up the "
            "middles of the weeks."
        ),
        is_wide=True,
        source=context.source(_WEEKLY),
    )
