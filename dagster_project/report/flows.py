"""Flow diagrams: a Sankey diagram of steps, and the stages of the hourglass funnel.

Geometry only, in per cent of a plot whose text is real text, as in ``charts``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

# Share of the height that is left between the nodes of a step.
_GAPS = 0.22
# Width of a node, in per cent.
_NODE = 1.6
_SMALLEST = 1.2


@dataclass(frozen=True)
class Node:
    """A box of a Sankey diagram with its label; coordinates are per cent."""

    left: float
    top: float
    width: float
    height: float
    label: str
    reading: str
    style: int
    is_last: bool


@dataclass(frozen=True)
class Ribbon:
    """A flow between two boxes: an SVG path over a 100 by 100 box, and what it says."""

    path: str
    reading: str
    style: int


@dataclass(frozen=True)
class Sankey:
    """Boxes in columns, one per step, joined by ribbons as wide as the flow."""

    shape: ClassVar[str] = "sankey"
    summary: str
    steps: list[tuple[float, str]]
    nodes: list[Node]
    ribbons: list[Ribbon]


@dataclass(frozen=True)
class Stage:
    """A stage of a funnel: ``width`` is a share 0 to 1 of the widest."""

    label: str
    text: str
    hint: str
    width: float


@dataclass(frozen=True)
class Stages:
    """Stages one below the other, each a centred bar."""

    shape: ClassVar[str] = "stages"
    summary: str
    stages: list[Stage]


@dataclass(frozen=True)
class Flow:
    """``size`` units from box ``source`` of a step to box ``target`` of the next one."""

    step: int
    source: str
    target: str
    size: float


def sankey(
    flows: Sequence[Flow],
    steps: Sequence[str],
    *,
    label: dict[str, str],
    style: dict[str, int],
    reading: "Readings",
    summary: str,
) -> Sankey:
    """A Sankey diagram of ``flows`` between ``len(steps)`` columns, biggest boxes on top.

    ``label`` and ``style`` are by box name (style is a colour of the page); ``reading`` writes what
    a box and a ribbon say.
    """
    columns: list[dict[str, list[float]]] = [{} for _ in steps]
    for flow in flows:
        columns[flow.step].setdefault(flow.source, [0.0, 0.0])[1] += flow.size
        columns[flow.step + 1].setdefault(flow.target, [0.0, 0.0])[0] += flow.size
    size = [{name: max(pair) for name, pair in column.items()} for column in columns]
    total = max((sum(column.values()) for column in size), default=0.0)
    if not total:
        return Sankey(summary, [], [], [])
    most = max(len(column) for column in size)
    scale = 100 * (1 - _GAPS) / total
    gap = 100 * _GAPS / max(1, most - 1) if most > 1 else 0.0
    nodes: list[Node] = []
    place: dict[tuple[int, str], list[float]] = {}
    last = len(steps) - 1
    for step, column in enumerate(size):
        left = step / last * (100 - _NODE) if last else 0.0
        top = 0.0
        for name in sorted(column, key=lambda name: (style.get(name, 0) > 1, -column[name], name)):
            height = column[name] * scale
            place[step, name] = [left, top, top]
            nodes.append(
                Node(
                    round(left, 3),
                    round(top, 3),
                    _NODE,
                    round(max(height, 0.4), 3),
                    label.get(name, name) if height >= _SMALLEST else "",
                    reading.node(label.get(name, name), steps[step], column[name]),
                    style.get(name, 0),
                    step == last,
                )
            )
            top += height + gap
    order = {(step, name): place[step, name][1] for step, name in place}
    ribbons = []
    for flow in sorted(
        flows, key=lambda f: (f.step, order[f.step, f.source], order[f.step + 1, f.target])
    ):
        start, end = place[flow.step, flow.source], place[flow.step + 1, flow.target]
        width = flow.size * scale
        x0, x1 = start[0] + _NODE, end[0]
        middle = (x0 + x1) / 2
        # The second place of a box counts what leaves it, the third what comes.
        y0, y1 = start[1], end[2]
        start[1] += width
        end[2] += width
        path = (
            f"M{x0:.2f} {y0:.2f}C{middle:.2f} {y0:.2f} {middle:.2f} {y1:.2f} {x1:.2f} {y1:.2f}"
            f"V{y1 + width:.2f}C{middle:.2f} {y1 + width:.2f} {middle:.2f} {y0 + width:.2f} "
            f"{x0:.2f} {y0 + width:.2f}Z"
        )
        ribbons.append(
            Ribbon(
                path,
                reading.ribbon(
                    label.get(flow.source, flow.source),
                    label.get(flow.target, flow.target),
                    flow.size,
                ),
                style.get(flow.target, 0),
            )
        )
    places = [
        (step / last * (100 - _NODE) if last else 0.0, name) for step, name in enumerate(steps)
    ]
    return Sankey(summary, places, nodes, ribbons)


class Readings:
    """Writes what a box and a ribbon of a Sankey diagram say; see the page on journeys."""

    def node(self, label: str, step: str, size: float) -> str:
        raise NotImplementedError

    def ribbon(self, source: str, target: str, size: float) -> str:
        raise NotImplementedError
