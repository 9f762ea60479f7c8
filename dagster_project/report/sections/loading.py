"""What was delivered, and what of it was held back: counts and reasons, never a record."""

from collections.abc import Mapping
from typing import Any

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Facts, Note, Section, Table
from dagster_project.report.context import Context

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ()

_LEVELS = {
    "file": "whole file held back",
    "row": "record held back",
    "cell": "value made empty, record kept",
}


def build(context: Context) -> Section:
    """The accounting per source, the reasons of the quarantine, and what the load noted."""
    section = {
        "id": "loading",
        "title": "Loaded and held back",
        "definition": (
            "Every record of every file is counted once: accepted, quarantined with its original "
            "text and the reason, left out by a named rule of its mapping, or erased at a person's "
            "request. Only counts and reasons stand here; the records stay in the quarantine."
        ),
    }
    ledger = context.ledger
    if not ledger.get("files"):
        return Section(**section, absent="No files were delivered.")
    erased = ledger.get("erased") or 0
    items = [
        ("Files", formats.count(ledger["files"]), ledger["files"]),
        *(
            (label, formats.count(ledger[name]), ledger[name])
            for name, label in (
                ("records", "Records"),
                ("accepted", "Accepted"),
                ("quarantined", "Quarantined"),
                ("left_out", "Left out by a rule"),
            )
        ),
    ]
    if erased:
        items.append(("Erased", formats.count(erased), erased))
    blocks: list[Block] = [Facts(items)]
    blocks += [Note(formats.clean(row["message"])) for row in ledger.get("deliveries", [])]
    blocks.append(_sources(ledger))
    if ledger.get("schema_changes"):
        blocks.append(_changes(ledger))
    blocks.append(_reasons(ledger))
    if ledger.get("rules"):
        blocks.append(_rules(ledger))
    blocks += [Note(formats.clean(note)) for note in ledger.get("notes", [])]
    return Section(**section, blocks=blocks)


def _sources(ledger: Mapping[str, Any]) -> Table:
    names = ("files", "records", "accepted", "quarantined", "left_out")
    return Table(
        "loading-sources",
        "Deliveries by source",
        [
            Column("Source", "text"),
            Column("Files"),
            Column("Records"),
            Column("Accepted"),
            Column("Quarantined"),
            Column("Left out"),
            Column("Newest delivery", "text"),
        ],
        [
            [
                Cell(formats.clean(row["source"])),
                *(Cell(formats.count(row[name]), row[name]) for name in names),
                Cell(formats.day(row.get("newest_delivery"))),
            ]
            for row in ledger.get("by_source", [])
        ],
        is_wide=True,
    )


def _changes(ledger: Mapping[str, Any]) -> Table:
    return Table(
        "loading-changes",
        "Columns that changed in the week before this build",
        [
            Column("Source", "text"),
            Column("Change", "text"),
            Column("Files"),
            Column("Newest", "text"),
        ],
        [
            [
                Cell(formats.clean(row["source"])),
                Cell(formats.clean(row["message"])),
                Cell(formats.count(row["files"]), row["files"]),
                Cell(formats.day(row["newest"])),
            ]
            for row in ledger["schema_changes"]
        ],
    )


def _rules(ledger: Mapping[str, Any]) -> Table:
    return Table(
        "loading-rules",
        "Records left out by a rule of their mapping",
        [Column("Source", "text"), Column("Rule", "text"), Column("Records")],
        [
            [
                Cell(formats.clean(row["source"])),
                Cell(formats.words(row["rule"])),
                Cell(formats.count(row["records"]), row["records"]),
            ]
            for row in ledger["rules"]
        ],
    )


def _reasons(ledger: Mapping[str, Any]) -> Block:
    reasons = ledger.get("reasons", [])
    if not reasons:
        return Note("Nothing is in quarantine.")
    ordered = sorted(reasons, key=lambda row: (-row["records"], row["source"], row["reason"]))
    return Table(
        "loading-reasons",
        "Why records or values were held back",
        [
            Column("Source", "text"),
            Column("Reason", "text"),
            Column("Effect", "text"),
            Column("Number"),
        ],
        [
            [
                Cell(formats.clean(row["source"])),
                Cell(formats.words(row["reason"])),
                Cell(_LEVELS.get(row["level"], formats.clean(row["level"]))),
                Cell(formats.count(row["records"]), row["records"]),
            ]
            for row in ordered
        ],
    )
