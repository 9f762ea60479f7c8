"""What ``explain`` found, as lines that a person reads in a terminal."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from dagster_project.identity.inspection.waterfall import (
    bars,
    field_label,
    how_linked,
    shown_probability,
)

SHOWN_ROWS = 20
_WIDTH = 44
# Of a record: shown in its first line, or of use to the pipeline alone.
_HEADING = frozenset(
    {
        *("source_system", "source_table", "source_id", "method", "probability", "linked_at"),
        *("seen_at", "is_customer_evidence", "is_deleted"),
    }
)


def tell(found: Mapping[str, Any]) -> Iterator[str]:
    """Lines about every customer in ``found``; each part ends after 20 rows and says so."""
    for customer in found["customers"]:
        yield f"customer {customer['customer_id']}"
        history = customer["history"]
        yield from _part("records", customer["records"], _record)
        yield from _part("links", customer["links"], _link)
        yield from _part("guards", customer["guards"], _row)
        yield from _part("history: ids", history["ids"], _row_with_ids)
        yield from _part("history: changes", history["changes"], _row_with_ids)
        # One row tells who this is; the hundreds of lines and touches stand at the end.
        for mart, rows in sorted(customer["marts"].items(), key=lambda item: len(item[1])):
            yield from _part(mart, rows, _row)


def _part(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    told: Callable[[Mapping[str, Any]], Iterator[str]],
) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield f"{title} ({len(rows):,})"
    for row in rows[:SHOWN_ROWS]:
        yield from told(row)
    if len(rows) > SHOWN_ROWS:
        yield f"  and {len(rows) - SHOWN_ROWS:,} more: --json shows all"


def _record(row: Mapping[str, Any]) -> Iterator[str]:
    deleted = ", deleted at the source" if row.get("is_deleted") else ""
    seen = f"first seen {_value(row['seen_at'])}, " if row.get("seen_at") else ""
    yield (
        f"  {row['source_system']}.{row['source_table']}/{row['source_id']}: {seen}tied by "
        f"{row['method'].replace('_', ' ')}, probability "
        f"{shown_probability(row['probability'])}{deleted}"
    )
    values = _pairs(row, _HEADING)
    if values:
        yield f"    {values}"


def _link(link: Mapping[str, Any]) -> Iterator[str]:
    """A line, and the waterfall of the evidence where there are weights: one bit doubles odds."""
    yield (
        f"  {link['left_record']} and {link['right_record']}: {how_linked(link)}. "
        f"Probability {shown_probability(link['probability'])}."
    )
    if not link["bits"]:
        return
    steps = bars(link["bits"])
    steps.append(("all together", steps[-1][3], 0.0, steps[-1][3]))
    ends = [0.0, *(end for step in steps for end in step[2:])]
    low, span = min(ends), (max(ends) - min(ends)) or 1.0
    for name, weight, start, end in steps:
        left, right = sorted(round((at - low) / span * _WIDTH) for at in (start, end))
        bar = " " * left + ("█" if weight >= 0 else "░") * max(1, right - left)
        yield f"    {field_label(name):<16} {weight:+6.1f} {bar}"


def _row(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {_pairs(row, {'customer_id', 'identifier_hash'})}"


def _row_with_ids(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {_pairs(row, frozenset())}"


def _pairs(row: Mapping[str, Any], left_out: Collection[str]) -> str:
    return ", ".join(
        f"{name} {_value(value)}"
        for name, value in row.items()
        if value is not None and name not in left_out
    )


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        text = f"{value:.6g}"
        return shown_probability(value) if text == "1" else text
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return str(value)
