"""Aggregates that a page carries so that it can be filtered without a server, and their tables.

A ``Cube`` holds additive measures by month and by dimensions; a ``Pivot`` says which table or chart
is made of it. The page is written from them here, unfiltered; ``script.js`` makes the same again
from the same cube for the period, channel and segment that a reader chooses. Distinct customers
are additive over what a customer has only one of (first channel, segment), and never over months.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from dagster_project.report import formats
from dagster_project.report.blocks import Cell, Column, Figure, Source, Table, bar_share
from dagster_project.report.charts import Series, time_plot
from dagster_project.report.context import Context, Row
from dagster_project.report.flows import Stage, Stages
from dagster_project.report.headline import write
from dagster_project.report.language import t

# Values of a dimension that a reader can choose from; the rest stand together.
MOST_VALUES = 20
OTHER = "(other)"


@dataclass(frozen=True)
class Dimension:
    """What a cube can be cut by: its name in the marts, its label, and its values with labels."""

    name: str
    label: str
    values: list[tuple[str, str]]


@dataclass(frozen=True)
class Cube:
    """Measures summed by month (first days, ascending) and dimension values.

    ``cells`` map (month, value of each dimension) to the measures, in order.
    """

    id: str
    months: list[date]
    dimensions: tuple[Dimension, ...]
    measures: tuple[str, ...]
    cells: dict[tuple[Any, ...], list[Any]]

    def to_json(self) -> str:
        """For the page's script: indices instead of names, numbers instead of decimals."""
        month = {value: index for index, value in enumerate(self.months)}
        places = [
            {key: index for index, (key, _) in enumerate(dimension.values)}
            for dimension in self.dimensions
        ]
        rows = [
            [
                month[key[0]],
                *(place[value] for place, value in zip(places, key[1:], strict=True)),
                *(_plain(value) for value in values),
            ]
            for key, values in self.cells.items()
        ]
        return safe_json(
            {
                "months": [value.isoformat() for value in self.months],
                "dimensions": [
                    {"name": d.name, "label": d.label, "values": [label for _, label in d.values]}
                    for d in self.dimensions
                ],
                "measures": list(self.measures),
                "rows": rows,
            }
        )

    def sums(self, by: str, months: Sequence[date]) -> dict[Any, dict[str, Any]]:
        """Measures summed over ``months``, by ``month`` or by the values of a dimension."""
        place = 0 if by == "month" else 1 + [d.name for d in self.dimensions].index(by)
        wanted = set(months)
        found: dict[Any, dict[str, Any]] = {}
        for key, values in self.cells.items():
            if key[0] not in wanted:
                continue
            line = found.setdefault(key[place], dict.fromkeys(self.measures, 0))
            for name, value in zip(self.measures, values, strict=True):
                line[name] += value
        return found


@dataclass(frozen=True)
class Measure:
    """A column of a pivot: sum of ``of``, over the sum of ``over`` when given.

    ``kind``: count, money (to the unit), cents, percent, decimal, duration; ``mark`` draws it as
    ``line`` or ``column`` (of a table: as a bar below the number). ``skip_zero``: nothing is a
    dash, as where no money was spent.
    """

    label: str
    of: str
    over: str | None = None
    kind: str = "count"
    mark: str | None = None
    skip_zero: bool = False


@dataclass(frozen=True)
class Pivot:
    """A table or chart made of a cube: lines by ``by`` (month, or a dimension)."""

    id: str
    title: str
    cube: Cube
    by: str
    measures: tuple[Measure, ...]
    source: Source
    head: str
    note: str | None = None
    # The months that it shows when no period is chosen.
    months: tuple[date, ...] = ()

    def to_json(self, **more: Any) -> str:
        """For the page's script."""
        return json.dumps(
            {
                "cube": self.cube.id,
                "by": self.by,
                "first": self.months[0].isoformat() if self.months else None,
                "last": self.months[-1].isoformat() if self.months else None,
                "measures": [
                    {
                        "label": m.label,
                        "of": m.of,
                        "over": m.over,
                        "kind": m.kind,
                        "mark": m.mark,
                        "skipZero": m.skip_zero,
                    }
                    for m in self.measures
                ],
                **more,
            },
            ensure_ascii=False,
        )


def safe_json(content: Any) -> str:
    """JSON that can stand inside a ``script`` element: no tag can begin or end in it."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def cube(
    key: str,
    rows: Sequence[Row],
    dimensions: Sequence[tuple[str, str]],
    measures: Sequence[str],
) -> Cube:
    """A cube of ``rows`` that hold ``month``, the dimensions and the measures.

    Values of a dimension beyond the MOST_VALUES with the largest first measure become (other);
    NULL is (none). ``dimensions`` are (name, label).
    """
    names = [name for name, _ in dimensions]
    kept: list[dict[str, str]] = []
    shown: list[Dimension] = []
    for name, label in dimensions:
        weight: dict[str, float] = {}
        for row in rows:
            value = row[name] if row[name] is not None else "(none)"
            weight[value] = weight.get(value, 0.0) + float(row[measures[0]] or 0)
        ranked = sorted(weight, key=lambda value: (-weight[value], value))
        mapping = {value: value for value in ranked[:MOST_VALUES]}
        mapping |= dict.fromkeys(ranked[MOST_VALUES:], OTHER)
        kept.append(mapping)
        values = list(dict.fromkeys(mapping.values()))
        shown.append(Dimension(name, label, [(value, formats.words(value)) for value in values]))
    cells: dict[tuple[Any, ...], list[Any]] = {}
    for row in rows:
        place = (
            row["month"],
            *(
                m[row[n] if row[n] is not None else "(none)"]
                for n, m in zip(names, kept, strict=True)
            ),
        )
        line = cells.setdefault(place, [0] * len(measures))
        for index, name in enumerate(measures):
            line[index] += row[name] or 0
    months = sorted({row["month"] for row in rows})
    return Cube(key, months, tuple(shown), tuple(measures), cells)


def value_of(line: Row, measure: Measure) -> Any:
    """The number of a measure in a line of sums; None when it is divided by nothing."""
    if measure.skip_zero and not line[measure.of]:
        return None
    if measure.over is None:
        return line[measure.of]
    # Exact amounts are shown as they are; a ratio of an amount and a part of a sale is inexact.
    return float(line[measure.of]) / float(line[measure.over]) if line[measure.over] else None


def time_figure(context: Context, pivot: Pivot) -> Figure:
    """A chart of the marked measures over the pivot's months, and all of them as a table."""
    sums = pivot.cube.sums("month", pivot.months)
    nothing: Row = dict.fromkeys(pivot.cube.measures, 0)
    lines = [sums.get(month, nothing) for month in pivot.months]
    complete = context.last_complete_month
    table = Table(
        f"{pivot.id.removesuffix('-chart')}-table",
        pivot.title,
        [Column(pivot.head, "text"), *(Column(m.label) for m in pivot.measures)],
        [
            [
                Cell(formats.month_short(month), is_incomplete=month > complete),
                *_cells(context, pivot, line),
            ]
            for month, line in zip(pivot.months, lines, strict=True)
        ],
        is_wide=len(pivot.measures) > 4,
        source=pivot.source,
    )
    drawn = [m for m in pivot.measures if m.mark]
    kind = drawn[0].kind
    plot = time_plot(
        pivot.months,
        [Series(m.label, [value_of(line, m) for line in lines], m.mark or "line") for m in drawn],
        axis=_axis(context, kind),
        reading=lambda value: write(context, kind, value),
        complete_until=complete,
    )
    data = pivot.to_json(shape="time", complete=complete.isoformat())
    return Figure(pivot.id, pivot.title, plot, table, pivot.note, data)


def lines_table(context: Context, pivot: Pivot, labels: dict[str, str] | None = None) -> Table:
    """A table with a line per value of the pivot's dimension, most of the first measure first."""
    sums = pivot.cube.sums(pivot.by, pivot.months)
    dimension = next(d for d in pivot.cube.dimensions if d.name == pivot.by)
    label = dict(dimension.values) | (labels or {})
    first = pivot.measures[0]
    ranked = sorted(sums, key=lambda key: (-float(value_of(sums[key], first) or 0), str(key)))
    tops = [
        max((float(value_of(sums[key], m) or 0) for key in ranked), default=0.0)
        for m in pivot.measures
    ]
    return Table(
        pivot.id,
        pivot.title,
        [Column(pivot.head, "text"), *(Column(m.label) for m in pivot.measures)],
        [[Cell(label[key]), *_cells(context, pivot, sums[key], tops)] for key in ranked],
        note=pivot.note,
        is_wide=True,
        source=pivot.source,
        pivot=pivot.to_json(shape="lines"),
    )


def stages_figure(context: Context, pivot: Pivot, order: Sequence[str]) -> Figure:
    """The stages of a funnel as centred bars; each is compared with the stage before."""
    sums = pivot.cube.sums(pivot.by, pivot.months)
    dimension = next(d for d in pivot.cube.dimensions if d.name == pivot.by)
    label = dict(dimension.values)
    measure = pivot.measures[0]
    known = [name for name in order if name in label]
    numbers = [int(value_of(sums[name], measure) or 0) if name in sums else 0 for name in known]
    top = max(numbers, default=0)
    before: list[int | None] = [None, *numbers[:-1]]
    shares = [n / b if b else None for n, b in zip(numbers, before, strict=True)]
    stages = [
        Stage(
            label[name],
            formats.count(number),
            ""
            if share is None
            else t("{share} of the stage before").format(share=formats.percent(share)),
            bar_share(number, top),
        )
        for name, number, share in zip(known, numbers, shares, strict=True)
    ]
    table = Table(
        f"{pivot.id.removesuffix('-chart')}-table",
        pivot.title,
        [Column(pivot.head, "text"), Column(measure.label), Column(t("Of the stage before"))],
        [
            [
                Cell(label[name]),
                Cell(formats.count(number), number),
                Cell(formats.percent(share), share),
            ]
            for name, number, share in zip(known, numbers, shares, strict=True)
        ],
        source=pivot.source,
    )
    summary = "; ".join(f"{stage.label}: {stage.text}" for stage in stages)
    names = [key for key, _ in dimension.values]
    data = pivot.to_json(shape="stages", order=[names.index(name) for name in known])
    return Figure(pivot.id, pivot.title, Stages(summary, stages), table, pivot.note, data)


def _axis(context: Context, kind: str) -> Any:
    if kind in ("money", "cents"):
        return context.money.short
    return formats.axis_percent if kind == "percent" else formats.short


def _cells(
    context: Context, pivot: Pivot, line: Row, tops: Sequence[float] | None = None
) -> list[Cell]:
    cells = []
    for index, measure in enumerate(pivot.measures):
        value = value_of(line, measure)
        bar = bar_share(value, tops[index]) if tops and measure.mark else None
        cells.append(Cell(write(context, measure.kind, value), value, bar=bar))
    return cells


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
