"""Texts and number formats that the page's script needs, in the page's language."""

from typing import Any

from dagster_project.report import formats, language
from dagster_project.report.context import Context
from dagster_project.report.formats import MINUS, NO_VALUE
from dagster_project.report.language import t


def for_script(context: Context) -> dict[str, Any]:
    """What ``script.js`` writes: labels of its buttons and filters, how numbers are written."""
    before, after = context.money.around
    return {
        "language": language.language().tag,
        # Browsers and Babel differ in how British English shortens thousands.
        "numbers": language.language().code,
        "money": [before, after],
        "minus": MINUS,
        "none": NO_VALUE,
        "version": formats.clean(context.manifest.get("version")),
        "complete": context.last_complete_month.isoformat(),
        "all": t("All"),
        "from": t("From"),
        "to": t("To"),
        "usual": t("Usual"),
        "reset": t("Reset filters"),
        "follows": t(
            "Filters change the charts and tables marked with a line on the left; the "
            "others show everything."
        ),
        "empty": t("Nothing is left with these filters."),
        "csv": "CSV",
        "png": "PNG",
        "copy": t("Copy SQL"),
        "copied": t("Copied"),
        "save_csv": t("Save as CSV: {title}"),
        "save_png": t("Save as PNG: {title}"),
        "incomplete": t("month not complete"),
        "to_date": t("to date"),
        "before": t("{share} of the stage before"),
        "seconds": t("{seconds} s"),
        "minutes": t("{minutes} min {seconds} s"),
        "series": t(
            "{series}: {first} in {first_month}, {last} in {last_month}, highest {high} in "
            "{high_month}."
        ),
        "no_month": t("{series}: no complete month yet."),
    }
