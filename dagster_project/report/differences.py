"""Tested differences: the columns, cells and verdict of a rate that was compared with another.

Used wherever a row holds ``rate_difference``, its 95% interval ``rate_ci_low`` to ``rate_ci_high``
and ``rate_p_value``: experiments, and audiences against their hold-outs.
"""

from collections.abc import Callable

from dagster_project.report import formats
from dagster_project.report.blocks import Cell, Column
from dagster_project.report.context import Row
from dagster_project.report.language import t

# A difference is called one when its p-value is below this.
SURE = 0.05


def difference_columns() -> list[Column]:
    """Heads of :func:`difference_cells`."""
    return [
        Column(t("Difference"), hint=t("percentage points")),
        interval_column(),
        Column("p"),
    ]


def difference_cells(row: Row) -> list[Cell]:
    """The difference of the rates, its interval and its p-value."""
    return [
        Cell(formats.points(row["rate_difference"]), row["rate_difference"]),
        interval_cell(formats.points, row["rate_ci_low"], row["rate_ci_high"]),
        Cell(formats.decimal(row["rate_p_value"], 3), row["rate_p_value"]),
    ]


def interval_column() -> Column:
    """Head of :func:`interval_cell`."""
    return Column(t("95% interval"), "text")


def interval_cell(write: Callable[[float], str], low: float | None, high: float | None) -> Cell:
    """``low`` to ``high`` as ``write`` writes each of them; a dash where one is not known."""
    if low is None or high is None:
        return Cell(formats.NO_VALUE)
    return Cell(t("{low} to {high}").format(low=write(low), high=write(high)))


def verdict(row: Row) -> str:
    """What a reader may conclude: nothing from a split that is not the planned one."""
    if row["is_valid"] is False:
        return t("Invalid: not split as planned")
    if row.get("is_control"):
        return t("Control")
    if row["rate_p_value"] is None:
        return t("Not known yet")
    if row["rate_p_value"] >= SURE:
        return t("No difference shown")
    return t("Better") if row["rate_difference"] > 0 else t("Worse")
