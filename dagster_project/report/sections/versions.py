"""Version comparison: headline numbers of this version beside those of every version kept."""

from typing import Any

from dagster_project.report import formats, headline
from dagster_project.report.blocks import Block, Cell, Column, Note, Section, Table
from dagster_project.report.context import Context
from dagster_project.report.language import nt, t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = (
    "audiences",
    "channel_scorecard",
    "customers",
    "deal_pipeline",
    "orders",
    "satisfaction",
    "service_quality",
)

_SHOWN = 6


def build(context: Context) -> Section:
    """A line per metric, a column per version, the change on the version before."""
    section = {
        "id": "versions",
        "title": t("Compared with earlier versions"),
        "definition": t(
            "All time up to each version's day. A past day that is restated with today's knowledge "
            "has other numbers because records came, were corrected or became somebody else's."
        ),
    }
    now = headline.compared(context)
    kept = context.kept[:_SHOWN]
    # A line of zeros is a source that was never delivered: visits, spend, cost per new customer.
    known = [
        name
        for name in headline.COMPARED
        if now[name] is not None and (now[name] or any(one.headline.get(name) for one in kept))
    ]
    if not known:
        return Section(**section, absent=context.absent(t("No sales"), "shop.orders"))
    blocks: list[Block] = []
    if not kept:
        blocks.append(Note(t("No earlier version is kept, so there is nothing to compare with.")))
    before = kept[0] if kept else None

    def line(name: str) -> list[Cell]:
        kind = headline.metric(name).format
        cells = [Cell(headline.label(name)), _cell(context, kind, now[name])]
        if before:
            cells.append(_change(context, kind, now[name], before.headline.get(name)))
        return [*cells, *(_cell(context, kind, one.headline.get(name)) for one in kept)]

    blocks.append(
        Table(
            "versions-headline",
            t("Metrics by version"),
            [
                Column(t("Metric"), "text"),
                Column(t("This version")),
                *([Column(t("Change"))] if before else []),
                *(
                    Column(f"{formats.day_short(one.as_of)} ({formats.clean(one.version)})")
                    for one in kept
                ),
            ],
            [line(name) for name in known],
            note=t("The change is that on the version before, of {day}.").format(
                day=formats.day(before.as_of)
            )
            if before
            else None,
            is_wide=True,
            source=headline.source(context, known),
        )
    )
    older = len(context.kept) - len(kept)
    if older > 0:
        text = nt("{n} older version is not shown.", "{n} older versions are not shown.", older)
        blocks.append(Note(text.format(n=formats.count(older))))
    return Section(**section, blocks=blocks)


def _cell(context: Context, kind: str, value: Any) -> Cell:
    return Cell(headline.write(context, kind, value), value)


def _change(context: Context, kind: str, value: Any, before: Any) -> Cell:
    if value is None or before is None:
        return Cell(formats.NO_VALUE)
    difference = float(value) - float(before)
    if kind == "percent":
        text = t("{difference} points").format(difference=formats.points(difference))
    else:
        text = headline.write(context, kind, difference)
    is_more = difference > 0 and text.strip("0.,% ") != ""
    return Cell(f"+{text}" if is_more else text, round(difference, 6))
