"""Match weights of a person's links as a page: one waterfall for each link, in one file.

In the report's style, without a script: it opens from disk and asks nothing of any network.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dagster_project.identity.inspection.waterfall import (
    bars,
    field_label,
    how_linked,
    shown_probability,
)
from dagster_project.private_files import private_file
from dagster_project.report.standalone import standalone_page


def write_match_weights(found: Mapping[str, Any], path: Path) -> int:
    """Write the links of ``found`` (see ``explain``) to ``path``; how many have weights.

    The file holds the keys of records and is readable by its owner alone. Raises OSError when it
    cannot be written.
    """
    weighed = sum(bool(link["bits"]) for of in found["customers"] for link in of["links"])
    with private_file(path) as file:
        file.write(page(found))
    return weighed


def page(found: Mapping[str, Any]) -> str:
    """The page for what ``explain`` found, a complete HTML document."""
    return standalone_page(
        "match_weights.html.j2",
        title="Why these records are one person",
        customers=[_customer(customer) for customer in found["customers"]],
    )


def _customer(customer: Mapping[str, Any]) -> dict[str, Any]:
    links: Sequence[Mapping[str, Any]] = customer["links"]
    weighed = [link for link in links if link["bits"]]
    steps = [bars(link["bits"]) for link in weighed]
    # All charts of a person have one scale, so that a bit is as wide everywhere.
    ends = [0.0, *(end for of_link in steps for bar in of_link for end in bar[2:])]
    low, span = min(ends), (max(ends) - min(ends)) or 1.0
    return {
        "customer_id": customer["customer_id"],
        "record_count": len(customer["records"]),
        "link_count": len(links),
        "proven_count": len(links) - len(weighed),
        "zero": -low / span * 100,
        "links": [
            {
                "left_record": link["left_record"],
                "right_record": link["right_record"],
                "rule": how_linked(link),
                "probability": shown_probability(link["probability"]),
                "rows": [
                    _row(
                        field_label(name),
                        weight,
                        start,
                        end,
                        low,
                        span,
                        "for" if weight >= 0 else "against",
                    )
                    for name, weight, start, end in of_link
                ],
                "sum": _row("All together", of_link[-1][3], 0.0, of_link[-1][3], low, span, "sum"),
            }
            for link, of_link in zip(weighed, steps, strict=True)
        ],
    }


def _row(
    label: str, weight: float, start: float, end: float, low: float, span: float, kind: str
) -> dict[str, Any]:
    """``left`` and ``width`` in per cent of the plot."""
    sign = "\N{MINUS SIGN}" if weight < 0 else "+"
    return {
        "label": label,
        "kind": kind,
        "left": (min(start, end) - low) / span * 100,
        "width": abs(end - start) / span * 100,
        "weight": f"{sign}{abs(weight):.1f}",
    }
