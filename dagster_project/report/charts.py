"""Time charts: series to geometry, in per cent of a plot whose text is real text.

The marks are one SVG stretched over the plot with strokes that do not scale; labels are HTML in
percentages. So a chart has the reader's font size at any width, follows the colour scheme, prints,
needs no script, and weighs a few kilobytes where a charting library weighs 1 to 5 MB a version.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from dagster_project.report import formats
from dagster_project.report.language import noted, t

Value = int | float | Decimal | None

# Labels that fit a wide plot and a telephone.
_LABELS_WIDE = 12
_LABELS_NARROW = 4


@dataclass(frozen=True)
class Series:
    """A named run of values over the plot's months; ``mark`` is line, column or range.

    Columns of several series stand on top of each other. Values of a range are (low, high).
    """

    label: str
    values: Sequence[Any]
    mark: str = "line"


@dataclass(frozen=True)
class Unit:
    """What the plot counts in: how a period is read and written under the plot.

    ``incomplete`` says, as a message of the catalogue, that a period has not ended.
    """

    incomplete: str
    name: Callable[[date], str]
    label: Callable[[date], str]


MONTHS = Unit(noted("month not complete"), formats.month_name, formats.month_only)
WEEKS = Unit(
    noted("week not complete"),
    lambda monday: t("Week of {day}").format(day=formats.day(monday)),
    formats.day_only,
)


@dataclass(frozen=True)
class Tick:
    """A grid line: its place from the bottom in per cent, and its label."""

    at: float
    label: str
    is_zero: bool


@dataclass(frozen=True)
class Label:
    """A label under the plot. A wide screen shows all, the year where it changes; a narrow one
    shows those with ``is_major``, each with its year.
    """

    at: float
    text: str
    year: str
    is_new_year: bool
    is_major: bool


@dataclass(frozen=True)
class Mark:
    """One drawn series: an SVG path over a 100 by 100 box, and its place in the legend."""

    label: str
    mark: str
    style: int
    path: str
    dots: str
    open_path: str


@dataclass(frozen=True)
class Band:
    """The strip of one month, with the reading it shows on demand."""

    left: float
    width: float
    reading: str
    is_incomplete: bool


@dataclass(frozen=True)
class Plot:
    """A chart over months, ready for the template. Coordinates are per cent."""

    shape: ClassVar[str] = "time"
    summary: str
    ticks: list[Tick]
    labels: list[Label]
    marks: list[Mark]
    bands: list[Band]


@dataclass(frozen=True)
class Spark:
    """A word-sized line over a 100 by 100 box."""

    path: str
    end: str


def nice_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``, about ``wanted`` steps."""
    if high <= low:
        high = low + 1
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def time_plot(
    months: Sequence[date],
    series: Sequence[Series],
    *,
    axis: Callable[[float], str],
    reading: Callable[[float | int | Decimal], str],
    complete_until: date | None,
    top: float | None = None,
    unit: Unit = MONTHS,
    summary: str | None = None,
) -> Plot:
    """A chart of ``series`` over ``months`` (first days); later months than ``complete_until``
    are drawn as incomplete.

    ``axis`` writes grid labels, ``reading`` writes values; ``top`` fixes the upper end of the axis.
    ``unit`` WEEKS takes Mondays instead. ``summary`` replaces the sentence per series.
    """
    columns = [item for item in series if item.mark == "column"]
    lines = [item for item in series if item.mark == "line"]
    stacked = [
        sum((float(item.values[i] or 0) for item in columns), 0.0) for i in range(len(months))
    ]
    drawn = stacked + [float(v) for item in lines for v in item.values if v is not None]
    ranges = [item for item in series if item.mark == "range"]
    drawn += [float(end) for item in ranges for v in item.values if v is not None for end in v]
    ticks = nice_ticks(min([0.0, *drawn]), top if top is not None else max([0.0, *drawn]))
    low, high = ticks[0], ticks[-1]
    width = 100 / max(1, len(months))

    def height(value: float) -> float:
        return (value - low) / (high - low) * 100

    incomplete = [complete_until is None or month > complete_until for month in months]
    marks: list[Mark] = []
    floor = [0.0] * len(months)
    for style, item in enumerate(series):
        if item.mark == "column":
            marks.append(_column_mark(item, style, floor, width, height, incomplete))
        elif item.mark == "range":
            marks.append(_range_mark(item, style, width, height))
        else:
            marks.append(_line_mark(item, style, width, height, incomplete))
    bands = [
        Band(
            round(index * width, 3),
            round(width, 3),
            _reading(month, index, series, reading, is_open, unit),
            is_open,
        )
        for index, (month, is_open) in enumerate(zip(months, incomplete, strict=True))
    ]
    return Plot(
        summary=_summary(months, series, reading, incomplete) if summary is None else summary,
        ticks=[Tick(round(height(value), 3), axis(value), value == 0) for value in ticks],
        labels=_labels(months, width, unit),
        marks=marks,
        bands=bands,
    )


def spark(values: Sequence[Value]) -> Spark | None:
    """A small line of the known values; None when there are fewer than two."""
    points = [(index, float(v)) for index, v in enumerate(values) if v is not None]
    if len(points) < 2:
        return None
    low, high = min(v for _, v in points), max(v for _, v in points)
    span = high - low or 1
    placed = [
        (index / (len(values) - 1) * 100, 90 - (value - low) / span * 80) for index, value in points
    ]
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
    return Spark(path, f"M{placed[-1][0]:.1f} {placed[-1][1]:.1f}h0")


def _column_mark(
    item: Series,
    style: int,
    floor: list[float],
    width: float,
    height: Callable[[float], float],
    incomplete: list[bool],
) -> Mark:
    paths: dict[bool, list[str]] = {False: [], True: []}
    inset = width * 0.18
    for index, value in enumerate(item.values):
        if not value:
            continue
        bottom, floor[index] = floor[index], floor[index] + float(value)
        left, right = index * width + inset, (index + 1) * width - inset
        low, high = 100 - height(bottom), 100 - height(floor[index])
        paths[incomplete[index]].append(f"M{left:.2f} {low:.2f}V{high:.2f}H{right:.2f}V{low:.2f}Z")
    return Mark(item.label, "column", style, "".join(paths[False]), "", "".join(paths[True]))


def _line_mark(
    item: Series,
    style: int,
    width: float,
    height: Callable[[float], float],
    incomplete: list[bool],
) -> Mark:
    solid, dashed, dots = [], [], []
    previous: tuple[float, float] | None = None
    for index, value in enumerate(item.values):
        if value is None:
            previous = None
            continue
        x, y = (index + 0.5) * width, 100 - height(float(value))
        dots.append(f"M{x:.2f} {y:.2f}h0")
        if previous is not None:
            segment = f"M{previous[0]:.2f} {previous[1]:.2f}L{x:.2f} {y:.2f}"
            (dashed if incomplete[index] else solid).append(segment)
        previous = (x, y)
    return Mark(item.label, "line", style, "".join(solid), "".join(dots), "".join(dashed))


def _range_mark(item: Series, style: int, width: float, height: Callable[[float], float]) -> Mark:
    """A strip from the low to the high values; one point alone is a vertical line."""
    known = [
        ((index + 0.5) * width, 100 - height(float(value[0])), 100 - height(float(value[1])))
        for index, value in enumerate(item.values)
        if value is not None
    ]
    upper = [f"{x:.2f} {high:.2f}" for x, _, high in known]
    lower = [f"{x:.2f} {low:.2f}" for x, low, _ in reversed(known)]
    path = f"M{'L'.join(upper + lower)}Z" if known else ""
    return Mark(item.label, "range", style, path, "", "")


def _reading(
    month: date,
    index: int,
    series: Sequence[Series],
    reading: Callable[[float | int | Decimal], str],
    is_open: bool,
    unit: Unit,
) -> str:
    parts = []
    for item in series:
        value = item.values[index]
        if item.mark == "range":
            if value is not None:
                text = t("{low} to {high}").format(low=reading(value[0]), high=reading(value[1]))
                parts.append(f"{item.label}: {text}")
        elif value is not None or unit is MONTHS:
            text = formats.NO_VALUE if value is None else reading(value)
            parts.append(f"{item.label}: {text}")
    suffix = f" ({t(unit.incomplete)})" if is_open else ""
    return f"{unit.name(month)}{suffix}\n" + "\n".join(parts)


def _summary(
    months: Sequence[date],
    series: Sequence[Series],
    reading: Callable[[float | int | Decimal], str],
    incomplete: list[bool],
) -> str:
    """The chart in a sentence per series, over complete months."""
    sentences = []
    for item in series:
        known = [
            (month, value)
            for month, value, is_open in zip(months, item.values, incomplete, strict=True)
            if value is not None and not is_open
        ]
        if not known:
            sentences.append(t("{series}: no complete month yet.").format(series=item.label))
            continue
        first, last = known[0], known[-1]
        high = max(known, key=lambda pair: pair[1])
        sentences.append(
            t(
                "{series}: {first} in {first_month}, {last} in {last_month}, highest {high} in "
                "{high_month}."
            ).format(
                series=item.label,
                first=reading(first[1]),
                first_month=formats.month_name(first[0]),
                last=reading(last[1]),
                last_month=formats.month_name(last[0]),
                high=reading(high[1]),
                high_month=formats.month_name(high[0]),
            )
        )
    return " ".join(sentences)


def _labels(months: Sequence[date], width: float, unit: Unit) -> list[Label]:
    step = max(1, math.ceil(len(months) / _LABELS_WIDE))
    major = max(step, math.ceil(len(months) / _LABELS_NARROW / step) * step)
    labels = []
    last_year = None
    # Counted from the end: the newest month is the one a reader looks for. The longer label of a
    # week would hang over the edge there.
    last = len(months) - 1 - (step // 2 if unit is WEEKS else 0)
    for index, month in enumerate(months[: last + 1]):
        from_end = last - index
        if from_end % step:
            continue
        labels.append(
            Label(
                at=round((index + 0.5) * width, 3),
                text=unit.label(month),
                year=str(month.year),
                is_new_year=month.year != last_year,
                is_major=from_end % major == 0,
            )
        )
        last_year = month.year
    return labels
