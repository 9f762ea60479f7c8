"""What a section of the page is made of. The template knows these and nothing about marts."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from dagster_project.report.charts import Plot, Spark

# Steps of the sequential colour scale of a heat map; the style sheet has one class for each.
HEAT_STEPS = 9


@dataclass(frozen=True)
class Cell:
    """One table cell: ``text`` is read, ``value`` is exact, the rest is drawn.

    ``bar`` is a share 0 to 1 of the column's scale, ``heat`` a step of the colour scale,
    ``tip`` a longer reading shown on demand.
    """

    text: str
    value: int | float | Decimal | None = None
    bar: float | None = None
    heat: int | None = None
    is_incomplete: bool = False
    tip: str | None = None
    status: str | None = None


@dataclass(frozen=True)
class Column:
    """A table column; ``kind`` is text, number, code (a name with underscores), status, heat, or
    bar (a wide bar with no text).
    """

    label: str
    kind: str = "number"
    hint: str | None = None


@dataclass(frozen=True)
class Table:
    """A table whose first column holds the row headers."""

    kind: ClassVar[str] = "table"
    id: str
    caption: str
    columns: list[Column]
    rows: list[list[Cell]]
    total: list[Cell] | None = None
    note: str | None = None
    is_wide: bool = False
    is_heat: bool = False


@dataclass(frozen=True)
class Figure:
    """A chart with its reading in words and the numbers behind it as a table."""

    kind: ClassVar[str] = "figure"
    id: str
    title: str
    plot: Plot
    table: Table
    note: str | None = None


@dataclass(frozen=True)
class Tile:
    """A headline number with its change on the month before."""

    id: str
    label: str
    text: str
    value: int | float | Decimal | None
    change: str
    direction: str
    spark: Spark | None = None


@dataclass(frozen=True)
class Tiles:
    """A row of headline numbers."""

    kind: ClassVar[str] = "tiles"
    tiles: list[Tile]


@dataclass(frozen=True)
class Facts:
    """Short statements with a number each: (label, text, exact value)."""

    kind: ClassVar[str] = "facts"
    items: list[tuple[str, str, int | float | Decimal | None]]


@dataclass(frozen=True)
class Note:
    """A sentence to the reader."""

    kind: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class Folded:
    """Blocks that are there for who wants them."""

    kind: ClassVar[str] = "folded"
    label: str
    blocks: list["Block"]


Block = Table | Figure | Tiles | Facts | Note | Folded


@dataclass(frozen=True)
class Section:
    """A part of the page: how its numbers are computed, then the numbers, or why there are none."""

    id: str
    title: str
    definition: str
    blocks: list[Block] = field(default_factory=list)
    absent: str | None = None


def heat_step(share: float, top: float) -> int:
    """Step 0 to HEAT_STEPS - 1 of ``share`` on a scale that ends at ``top``."""
    if top <= 0:
        return 0
    return max(0, min(HEAT_STEPS - 1, int(share / top * HEAT_STEPS)))


def bar_share(value: float | Decimal | None, top: float | Decimal | None) -> float:
    """Length of a bar, 0 to 1; nothing and negatives have none."""
    if not value or not top or value <= 0 or top <= 0:
        return 0.0
    return min(1.0, float(value) / float(top))
