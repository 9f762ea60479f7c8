"""Pairs in the grey zone, out to a person and back as decisions."""

import csv
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import UsageError
from dagster_project.identity.matching.overrides import Override, add_overrides, make_override
from dagster_project.settings import Settings

_FIELDS = (
    "first_name",
    "middle_name",
    "last_name",
    "birth_date",
    "email",
    "phone",
    "loyalty_card",
    "national_id",
    "street_address",
    "city",
)
_ANSWERS = {"yes": "link", "no": "unlink"}


def review_pairs(con: duckdb.DuckDBPyConnection, *, limit: int = 1000) -> list[dict[str, Any]]:
    """Pairs to decide on, most doubtful first, with the fields of both records side by side.

    Holds direct identifiers: what is written from it belongs where the restricted marts are.
    """
    fields = ", ".join(
        f"l.{field} AS left_{field}, r.{field} AS right_{field}" for field in _FIELDS
    )
    cursor = con.execute(
        f"""
        SELECT v.left_system || '.' || v.left_table || '/' || v.left_id AS left_record,
               v.right_system || '.' || v.right_table || '/' || v.right_id AS right_record,
               round(v.probability, 4) AS probability, v.reason, {fields}
        FROM identity.review AS v
        JOIN intermediate.int_identity_records AS l
          ON l.source_system = v.left_system AND l.source_table = v.left_table
         AND l.source_id = v.left_id
        JOIN intermediate.int_identity_records AS r
          ON r.source_system = v.right_system AND r.source_table = v.right_table
         AND r.source_id = v.right_id
        ORDER BY abs(v.probability - 0.5), left_record, right_record
        LIMIT {int(limit)}
        """
    )
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def export_review(con: duckdb.DuckDBPyConnection, path: Path, *, limit: int = 1000) -> int:
    """Write the pairs as CSV with empty columns ``answer`` (yes, no) and ``why``; how many.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    pairs = review_pairs(con, limit=limit)
    names = ["answer", "why", "left_record", "right_record", "probability", "reason"]
    names += [f"{side}_{field}" for field in _FIELDS for side in ("left", "right")]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for pair in pairs:
            writer.writerow({name: _plain(value) for name, value in pair.items()})
    path.chmod(0o600)
    return len(pairs)


def import_review(settings: Settings, path: Path, *, who: str) -> list[Override]:
    """Take the answers back as overrides; rows without an answer stay undecided.

    Raises UsageError that names the line whose answer is neither yes nor no; nothing is taken then.
    """
    decisions = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [
            name
            for name in ("answer", "left_record", "right_record")
            if name not in (reader.fieldnames or ())
        ]
        if missing:
            raise UsageError(f"{path}, line 1: columns missing: {', '.join(missing)}.")
        for row in reader:
            answer = (row["answer"] or "").strip().casefold()
            if not answer:
                continue
            where = f"{path}, line {reader.line_num}"
            if answer not in _ANSWERS:
                raise UsageError(f"{where}: answer must be yes, no or empty.")
            decisions.append(
                make_override(
                    _ANSWERS[answer],
                    row["left_record"] or "",
                    row["right_record"] or "",
                    who=who,
                    why=(row.get("why") or "").strip() or "answered in a review",
                    where=where,
                )
            )
    add_overrides(settings, decisions)
    return decisions


def _plain(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
