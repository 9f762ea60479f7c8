"""Page blocks: tables, figures, tiles, facts, notes, and what they stand on.

The template knows these and nothing about marts. Texts are in the page's language already.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Protocol

from dagster_project.report.charts import Plot, Spark
from dagster_project.report.flows import Sankey, Stages

# Steps of the sequential colour scale of a heat map; the style sheet has one class for each.
HEAT_STEPS = 9


@dataclass(frozen=True)
class Source:
    """What a table or chart stands on, as the reader is told.

    ``marts`` are (name, definition, rows); ``definition`` is the mart's own comment. ``period``
    says in words from when to when, ``sql`` runs as it is on the version's marts.duckdb, in the
    version's folder where a mart is Parquet alone.
    """

    marts: tuple[tuple[str, str, int], ...]
    period: str
    sql: str


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
    source: Source | None = None
    # What the script needs to make it again from a cube, see cubes.py.
    pivot: str | None = None


@dataclass(frozen=True)
class Figure:
    """A chart with its reading in words and the numbers behind it as a table, whose source it has.

    ``plot`` is one of the shapes that the template draws: a Plot over time, a Sankey diagram, the
    stages of a funnel.
    """

    kind: ClassVar[str] = "figure"
    id: str
    title: str
    plot: "Plot | Sankey | Stages"
    table: Table
    note: str | None = None
    pivot: str | None = None


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
    source: Source | None = None


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
    is_lead: bool = False


@dataclass(frozen=True)
class Folded:
    """Blocks that are there for who wants them."""

    kind: ClassVar[str] = "folded"
    label: str
    blocks: list["Block"]


Block = Table | Figure | Tiles | Facts | Note | Folded


class Embedded(Protocol):
    """Data that the page carries for its script, see cubes.py."""

    id: str

    def to_json(self) -> str: ...


@dataclass(frozen=True)
class Section:
    """A part of a page: how it is to be read, then the numbers, or why there are none.

    Definitions stand in the marts' own comments and are shown with each table's source.
    """

    id: str
    title: str
    definition: str
    blocks: list[Block] = field(default_factory=list)
    absent: str | None = None
    cubes: tuple[Embedded, ...] = ()


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
