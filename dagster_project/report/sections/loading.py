"""What was delivered, and what of it was held back: counts and reasons, never a record."""

from collections.abc import Mapping
from typing import Any

from dagster_project.load.ledger.accounting import ledger_warnings, older_versions
from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Facts, Note, Section, Table
from dagster_project.report.context import Context, Row
from dagster_project.report.language import noted, t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("build", "purged_sums")

_REBUILT = "select rebuilt_from from build"

_PURGED = """
    select
        source_name, max(kept_from) as kept_from, sum(records) as records,
        sum(sale_count) as sales, sum(net_revenue) as revenue
    from purged_sums
    where source_name is not null
    group by source_name
    order by source_name
"""

_LEVELS = {
    "file": noted("whole file held back"),
    "row": noted("record held back"),
    "cell": noted("value made empty, record kept"),
}


def build(context: Context) -> Section:
    """The accounting per source, the reasons of the quarantine, and what the load noted."""
    section = {
        "id": "loading",
        "title": t("Loaded and held back"),
        "definition": (
            t(
                "Every record of every file is counted once: accepted, quarantined with its "
                "original text and the reason, left out by a named rule of its mapping, or "
                "erased: at a person's request, or because it was older than its source is kept. "
                "Only counts and reasons stand here; the records "
                "stay in the quarantine."
            )
        ),
    }
    ledger = context.ledger
    if not ledger.get("files"):
        return Section(**section, absent=t("No files were delivered."))
    erased = ledger.get("erased") or 0
    items = [
        (t("Files"), formats.count(ledger["files"]), ledger["files"]),
        *(
            (label, formats.count(ledger[name]), ledger[name])
            for name, label in (
                ("records", t("Records")),
                ("accepted", t("Accepted")),
                ("quarantined", t("Quarantined")),
                ("left_out", t("Left out by a rule")),
            )
        ),
    ]
    if erased:
        items.append((t("Erased"), formats.count(erased), erased))
    blocks: list[Block] = [Facts(items)]
    blocks += [Note(formats.clean(sentence)) for sentence in ledger_warnings(ledger)]
    blocks.append(_sources(ledger))
    if older_versions(ledger):
        blocks.append(_versions(ledger))
    if ledger.get("missing_parents"):
        blocks.append(_parents(ledger))
    if ledger.get("schema_changes"):
        blocks.append(_changes(ledger))
    if purged := context.rows(_PURGED):
        blocks += _purged(context, purged)
    blocks.append(_reasons(ledger))
    if ledger.get("rules"):
        blocks.append(_rules(ledger))
    blocks += [Note(formats.clean(note)) for note in ledger.get("notes", [])]
    return Section(**section, blocks=blocks)


def _sources(ledger: Mapping[str, Any]) -> Table:
    names = ("files", "records", "accepted", "quarantined", "left_out")
    return Table(
        "loading-sources",
        t("Deliveries by source"),
        [
            Column(t("Source"), "text"),
            Column(t("Files")),
            Column(t("Records")),
            Column(t("Accepted")),
            Column(t("Quarantined")),
            Column(t("Left out")),
            Column(t("Newest delivery"), "text"),
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


def _versions(ledger: Mapping[str, Any]) -> Table:
    return Table(
        "loading-versions",
        t("Records that a newer one of the same key supersedes"),
        [
            Column(t("Source"), "text"),
            Column(t("Table"), "text"),
            Column(t("Files")),
            Column(t("Older versions")),
            Column(t("Keys with several contents in one file")),
        ],
        [
            [
                Cell(formats.clean(row["source"])),
                Cell(formats.clean(row["table_name"])),
                *(
                    Cell(formats.count(row[name]), row[name])
                    for name in ("files", "older", "conflicts")
                ),
            ]
            for row in ledger["key_versions"]
        ],
    )


def _parents(ledger: Mapping[str, Any]) -> Table:
    return Table(
        "loading-parents",
        t("References and the records that they name"),
        [
            Column(t("Reference"), "text"),
            Column(t("Names a record of"), "text"),
            Column(t("Rows")),
            Column(t("Without it")),
            Column(t("Share without it")),
        ],
        [
            [
                Cell(formats.clean(row["reference"])),
                Cell(formats.clean(row["parent"])),
                Cell(formats.count(row["rows"]), row["rows"]),
                Cell(formats.count(row["missing"]), row["missing"]),
                Cell(formats.percent(row["missing"] / row["rows"]), row["missing"] / row["rows"]),
            ]
            for row in ledger["missing_parents"]
        ],
    )


def _changes(ledger: Mapping[str, Any]) -> Table:
    return Table(
        "loading-changes",
        t("Columns that changed in the week before this build"),
        [
            Column(t("Source"), "text"),
            Column(t("Change"), "text"),
            Column(t("Files")),
            Column(t("Newest"), "text"),
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
        t("Records left out by a rule of their mapping"),
        [Column(t("Source"), "text"), Column(t("Rule"), "text"), Column(t("Records"))],
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
        return Note(t("Nothing is in quarantine."))
    ordered = sorted(reasons, key=lambda row: (-row["records"], row["source"], row["reason"]))
    return Table(
        "loading-reasons",
        t("Why records or values were held back"),
        [
            Column(t("Source"), "text"),
            Column(t("Reason"), "text"),
            Column(t("Effect"), "text"),
            Column(t("Number")),
        ],
        [
            [
                Cell(formats.clean(row["source"])),
                Cell(formats.words(row["reason"])),
                Cell(t(_LEVELS.get(row["level"], formats.clean(row["level"])))),
                Cell(formats.count(row["records"]), row["records"]),
            ]
            for row in ordered
        ],
    )


def _purged(context: Context, rows: list[Row]) -> list[Block]:
    day = formats.day(context.row(_REBUILT)["rebuilt_from"])
    return [
        Note(
            t(
                "Rows from before {day} were purged, as the sources say: cohorts, first orders and "
                "values of the purged sources begin there."
            ).format(day=day)
        ),
        Table(
            "loading-purged",
            t("Purged because of their age"),
            [
                Column(t("Source"), "code"),
                Column(t("Kept from"), "text"),
                Column(t("Records")),
                Column(t("Sales")),
                Column(t("Net revenue")),
            ],
            [
                [
                    Cell(formats.clean(row["source_name"])),
                    Cell(formats.day(row["kept_from"])),
                    Cell(formats.count(row["records"]), row["records"]),
                    Cell(formats.count(row["sales"]), row["sales"]),
                    Cell(context.money.whole(row["revenue"]), row["revenue"]),
                ]
                for row in rows
            ],
            source=context.source(_PURGED),
        ),
    ]
