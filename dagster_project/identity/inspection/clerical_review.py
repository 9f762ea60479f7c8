"""Pairs in the grey zone, out to a person and back as decisions."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import UsageError
from dagster_project.identity.inspection.built import require_built
from dagster_project.identity.matching.overrides import (
    Override,
    add_overrides,
    make_override,
    overrides_path,
    read_overrides,
)
from dagster_project.settings import Settings
from dagster_project.spreadsheets import read_back, safe_cell, written

# Fields that are shown of both records, in this order.
FIELDS = (
    *("full_name", "first_name", "middle_name", "last_name", "birth_date", "gender"),
    *("email", "further_emails", "phone", "further_phones", "loyalty_card", "national_id"),
    *("street_address", "postal_code", "city", "company"),
)
_ANSWERS = {"yes": "link", "no": "unlink"}
# What a decision's reason starts with when a review asked for it: such are the sample.
ANSWERED = "answered in a review"


def review_pairs(con: duckdb.DuckDBPyConnection, *, limit: int = 1000) -> list[dict[str, Any]]:
    """Pairs to decide on, by expected gain, with the fields of both records side by side.

    ``gain``: pairs of records that a yes would join, times the probability of a yes. Two customers
    are asked about once, by their most probable pair: one answer settles the others. Holds direct
    identifiers: what is written from it belongs where the restricted marts are. Raises UsageError
    when nothing is built.
    """
    require_built(con)
    fields = ", ".join(f"l.{field} AS left_{field}, r.{field} AS right_{field}" for field in FIELDS)
    cursor = con.execute(
        f"""
        WITH pairs AS (
            SELECT v.*, a.customer_id AS left_customer, b.customer_id AS right_customer,
                   c.record_count AS left_records, d.record_count AS right_records
            FROM identity.review AS v
            JOIN identity.assignments AS a
              ON a.source_system = v.left_system AND a.source_table = v.left_table
             AND a.source_id = v.left_id
            JOIN identity.assignments AS b
              ON b.source_system = v.right_system AND b.source_table = v.right_table
             AND b.source_id = v.right_id
            JOIN identity.customers AS c ON c.customer_id = a.customer_id
            JOIN identity.customers AS d ON d.customer_id = b.customer_id
            QUALIFY row_number() OVER (
                PARTITION BY least(a.customer_id, b.customer_id),
                             greatest(a.customer_id, b.customer_id)
                ORDER BY v.probability DESC, v.left_id, v.right_id
            ) = 1
        )
        SELECT v.left_system || '.' || v.left_table || '/' || v.left_id AS left_record,
               v.right_system || '.' || v.right_table || '/' || v.right_id AS right_record,
               round(v.probability, 4) AS probability,
               round(v.probability * v.left_records * v.right_records, 2) AS gain,
               left_records, right_records, v.reason, {fields}
        FROM pairs AS v
        JOIN intermediate.int_identity_records AS l
          ON l.source_system = v.left_system AND l.source_table = v.left_table
         AND l.source_id = v.left_id
        JOIN intermediate.int_identity_records AS r
          ON r.source_system = v.right_system AND r.source_table = v.right_table
         AND r.source_id = v.right_id
        ORDER BY gain DESC, left_record, right_record
        LIMIT {int(limit)}
        """
    )
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dataclass(frozen=True)
class Sample:
    """Answers that reviews have got: how often two records that were asked about were one person.

    ``share`` and its 95% interval (Wilson 1927) are None before the first answer.
    """

    yes: int
    no: int

    @property
    def share(self) -> float | None:
        count = self.yes + self.no
        return self.yes / count if count else None

    @property
    def interval(self) -> tuple[float, float] | None:
        count, share = self.yes + self.no, self.share
        if share is None:
            return None
        z = 1.96
        middle = (share + z * z / (2 * count)) / (1 + z * z / count)
        half = (
            z
            / (1 + z * z / count)
            * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
        )
        return max(0.0, middle - half), min(1.0, middle + half)


def sample_so_far(settings: Settings) -> Sample:
    """The answers to reviews among the decisions in force, the latest on each pair."""
    latest: dict[tuple[str, str], Override] = {}
    for row in sorted(read_overrides(overrides_path(settings)), key=lambda row: row.decided_at):
        latest[row.left_record, row.right_record] = row
    kinds = [row.kind for row in latest.values() if row.why.startswith(ANSWERED)]
    return Sample(kinds.count("link"), kinds.count("unlink"))


def undecided(settings: Settings, pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of ``pairs`` that nobody has decided on since the last run."""
    known = {
        (row.left_record, row.right_record) for row in read_overrides(overrides_path(settings))
    }
    return [
        pair
        for pair in pairs
        if tuple(sorted((pair["left_record"], pair["right_record"]))) not in known
    ]


def take_answer(settings: Settings, pair: dict[str, Any], *, is_one: bool, who: str) -> None:
    """Write one answer down at once: a session that ends early has lost nothing."""
    kind = _ANSWERS["yes" if is_one else "no"]
    decision = make_override(kind, pair["left_record"], pair["right_record"], who=who, why=ANSWERED)
    add_overrides(settings, [decision])


def unknown_records(con: duckdb.DuckDBPyConnection, decisions: Iterable[Override]) -> list[str]:
    """The records of ``decisions`` that the last run did not know: those decisions wait for them.

    Raises UsageError when nothing is built.
    """
    require_built(con)
    known = {
        record
        for (record,) in con.execute(
            "SELECT source_system || '.' || source_table || '/' || source_id "
            "FROM intermediate.int_identity_records"
        ).fetchall()
    }
    named = {record for one in decisions for record in (one.left_record, one.right_record)}
    return sorted(named - known)


def export_review(con: duckdb.DuckDBPyConnection, path: Path, *, limit: int = 1000) -> int:
    """Write the pairs as CSV with empty columns ``answer`` (yes, no) and ``why``; how many.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    pairs = review_pairs(con, limit=limit)
    names = ["answer", "why", "left_record", "right_record", "probability", "gain"]
    names += ["left_records", "right_records", "reason"]
    names += [f"{side}_{field}" for field in FIELDS for side in ("left", "right")]
    with written(path, names) as writer:
        for pair in pairs:
            shown = {name: "" if value is None else str(value) for name, value in pair.items()}
            writer.writerow([safe_cell(shown.get(name, "")) for name in names])
    return len(pairs)


def import_review(settings: Settings, path: Path, *, who: str) -> list[Override]:
    """Take the answers back as overrides; rows without an answer stay undecided.

    Raises UsageError that names the line whose answer is neither yes nor no; nothing is taken then.
    """
    decisions = []
    for line, row in read_back(path, ("answer", "left_record", "right_record")):
        answer = row["answer"].strip().casefold()
        if not answer:
            continue
        where = f"{path}, line {line}"
        if answer not in _ANSWERS:
            raise UsageError(f"{where}: answer must be yes, no or empty.")
        decisions.append(
            make_override(
                _ANSWERS[answer],
                row["left_record"],
                row["right_record"],
                who=who,
                why=": ".join(filter(None, (ANSWERED, row.get("why", "").strip()))),
                where=where,
            )
        )
    add_overrides(settings, decisions)
    return decisions
