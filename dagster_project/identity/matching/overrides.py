"""Overrides (must-link, cannot-link): what a person decided about two records.

The decisions are a CSV file in the data directory, which anybody may read and edit; they are
copied to ``identity.overrides`` with every resolution and published with the registry, so that a
lost file comes back. Of several decisions on one pair the latest holds.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from dagster_project.errors import UsageError
from dagster_project.identity.frames import Frame, create_table, make
from dagster_project.settings import Settings
from dagster_project.spreadsheets import read_back

FILE_NAME = "identity_overrides.csv"
COLUMNS = ("kind", "left_record", "right_record", "who", "why", "decided_at")
KINDS = ("link", "unlink")
PROFILES = ("crm.contacts/", "shop.accounts/")


@dataclass(frozen=True, order=True)
class Override:
    """One decision; records are written ``crm.contacts/C-000001``, the smaller on the left."""

    kind: str
    left_record: str
    right_record: str
    who: str
    why: str
    decided_at: datetime


def overrides_path(settings: Settings) -> Path:
    """Where the decisions of this installation lie."""
    return settings.data_dir / FILE_NAME


def read_overrides(path: Path) -> list[Override]:
    """All decisions of the file, none when it is missing.

    Raises UsageError that names the line which does not fit.
    """
    if not path.exists():
        return []
    found = []
    # Decisions are appended and an erasure reads them: this file keeps its form.
    for line, row in read_back(path, COLUMNS, delimiters=","):
        where = f"{path}, line {line}"
        try:
            decided = datetime.fromisoformat(row["decided_at"])
        except ValueError:
            raise UsageError(
                f"{where}: decided_at is not a time such as 2026-01-31T09:30:00."
            ) from None
        found.append(
            make_override(
                row["kind"],
                row["left_record"],
                row["right_record"],
                who=row["who"],
                why=row["why"],
                decided_at=decided,
                where=where,
            )
        )
    return found


def make_override(
    kind: str,
    left: str,
    right: str,
    *,
    who: str,
    why: str,
    decided_at: datetime | None = None,
    where: str = "override",
) -> Override:
    """A checked decision; raises UsageError that says what is wrong with it."""
    if kind not in KINDS:
        raise UsageError(f"{where}: kind must be link or unlink.")
    if not who.strip() or not why.strip():
        raise UsageError(f"{where}: who decided and why must be given.")
    left, right = sorted((left.strip(), right.strip()))
    for record in (left, right):
        if not record.startswith(PROFILES) or record in PROFILES:
            raise UsageError(
                f"{where}: a record is written crm.contacts/KEY or shop.accounts/KEY. Orders, "
                "calls and tickets follow the contact or account that they belong to."
            )
    if left == right:
        raise UsageError(f"{where}: a record cannot be linked with itself.")
    now = datetime.now(UTC).replace(tzinfo=None)
    return Override(kind, left, right, who.strip(), why.strip(), decided_at or now)


def add_overrides(settings: Settings, decisions: Iterable[Override]) -> int:
    """Append decisions to the file, creating it with its header; returns how many."""
    path = overrides_path(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    rows = list(decisions)
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([*_texts(row), row.decided_at.isoformat()])
    return len(rows)


def _texts(row: Override) -> list[str]:
    return [row.kind, row.left_record, row.right_record, row.who, row.why]


@dataclass(frozen=True)
class Overrides:
    """The decisions in force, and those that were added or taken away since last time."""

    frame: Frame
    changed: tuple[Override, ...]


def load_overrides(con: duckdb.DuckDBPyConnection, settings: Settings) -> Overrides:
    """The file's decisions; a missing file comes back from ``identity.overrides``."""
    known = _stored(con, "identity")
    if known and not overrides_path(settings).exists():
        add_overrides(settings, known)
    current = read_overrides(overrides_path(settings))
    frame = make(con, "overrides", "FROM identity.overrides LIMIT 0")
    con.execute(
        f"INSERT INTO {frame} SELECT {', '.join(['unnest(?::VARCHAR[])'] * 5)}, "
        "unnest(?::TIMESTAMP[])",
        [[getattr(row, name) for row in current] for name in COLUMNS],
    )
    return Overrides(frame, tuple(sorted(set(current) ^ set(_stored(con, "resolution")))))


def _stored(con: duckdb.DuckDBPyConnection, schema: str) -> list[Override]:
    rows = con.execute(f"SELECT {', '.join(COLUMNS)} FROM {schema}.overrides ORDER BY ALL")
    return [Override(*row) for row in rows.fetchall()]


def store_overrides(con: duckdb.DuckDBPyConnection, overrides: Overrides) -> None:
    """Keep what this resolution went by, for the next one to see what was decided since."""
    for schema in ("identity", "resolution"):
        con.execute(f"DELETE FROM {schema}.overrides")
        con.execute(f"INSERT INTO {schema}.overrides SELECT * FROM {overrides.frame}")


def sync_overrides(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Bring ``identity.overrides``, which says whether there is anything to build, to the file's
    content before a resolution."""
    overrides = load_overrides(con, settings)
    con.execute("DELETE FROM identity.overrides")
    con.execute(f"INSERT INTO identity.overrides SELECT * FROM {overrides.frame}")


@dataclass(frozen=True)
class Links:
    """Links after a person's decisions: those of the evidence, those decided, and both together.

    ``forbidden``: pairs that must not be one; ``decided``: whose decision is new or withdrawn.
    """

    links: Frame
    evidence: Frame
    must: Frame
    forbidden: Frame
    decided: Frame


def apply_overrides(
    con: duckdb.DuckDBPyConnection,
    overrides: Overrides,
    nodes: Frame,
    proven_links: Frame,
    probable_links: Frame,
) -> Links:
    """The links of both kinds and the must-links, without what a person decided otherwise.

    Decisions on records that are not there wait for them.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_decisions AS
        WITH latest AS (
            SELECT left_record, right_record, arg_max(kind, decided_at) AS kind
            FROM {overrides.frame} GROUP BY left_record, right_record
        ),
        profiles AS (
            SELECT rid, source_system || '.' || source_table || '/' || source_id AS record
            FROM {nodes} WHERE is_profile
        )
        SELECT least(l.rid, r.rid) AS a, greatest(l.rid, r.rid) AS b, o.kind
        FROM latest AS o
        JOIN profiles AS l ON l.record = o.left_record
        JOIN profiles AS r ON r.record = o.right_record
        """
    )
    forbidden = make(con, "forbidden", "SELECT a, b FROM id_decisions WHERE kind = 'unlink'")
    evidence = make(
        con,
        "evidence",
        f"""
        SELECT l.a, l.b, l.rule, l.probability
        FROM (FROM {proven_links} UNION ALL FROM {probable_links}) AS l
        ANTI JOIN id_decisions AS d ON d.a = l.a AND d.b = l.b
        """,
    )
    must = make(con, "must", "SELECT a, b FROM id_decisions WHERE kind = 'link'")
    links = make(
        con, "links", f"FROM {evidence} UNION ALL SELECT a, b, 'override', 1.0 FROM {must}"
    )
    changed = overrides.changed
    create_table(
        con,
        "id_touched",
        {
            "left_record": [row.left_record for row in changed] or [""],
            "right_record": [row.right_record for row in changed] or [""],
        },
    )
    decided = make(
        con,
        "decided",
        f"""
        SELECT l.rid AS a, r.rid AS b
        FROM id_touched AS t
        JOIN {nodes} AS l
          ON l.source_system || '.' || l.source_table || '/' || l.source_id = t.left_record
        JOIN {nodes} AS r
          ON r.source_system || '.' || r.source_table || '/' || r.source_id = t.right_record
        """,
    )
    return Links(links, evidence, must, forbidden, decided)
