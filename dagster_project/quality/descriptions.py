"""Descriptions of published columns, from dbt's manifest, with whether a column may be summed.

A reader who sums a column must know whether its sum means anything: the model's metadata says so
(``additive``, ``additive_within``), and the description of every other number says that it means
nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any

NUMBERS = ("bigint", "integer", "double", "decimal")


def described(models: Iterable[Mapping[str, Any]]) -> list[tuple[str, str | None, str]]:
    """(mart, column, description) of the manifest's ``models``, column None for the mart itself.

    What is not described is left out.
    """
    rows = [
        (
            model["name"],
            column and column["name"],
            (column or model).get("description") or "",
            summing_note(column, model["config"].get("meta") or {}) if column else "",
        )
        for model in models
        for column in (None, *model.get("columns", {}).values())
    ]
    return [
        (mart, column, " ".join(f"{text} {note}".split()))
        for mart, column, text, note in rows
        if text
    ]


def summing_note(column: Mapping[str, Any], meta: Mapping[str, Any]) -> str:
    """What is said of a column's sum; '' for what is no number, or may be summed."""
    name, is_number = column["name"], (column.get("data_type") or "").lower().startswith(NUMBERS)
    if not is_number or "additive" not in meta or name in meta["additive"]:
        return ""
    within = [
        dimension
        for dimension, columns in (meta.get("additive_within") or {}).items()
        if name in columns
    ]
    if within:
        return f"Sum it only over rows of one {', '.join(within)}."
    return "Not additive: never sum it."
