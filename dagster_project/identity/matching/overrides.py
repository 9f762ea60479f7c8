"""What a person decided: these two records are one person, or are not.

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
from dagster_project.identity.frames import create_table
from dagster_project.settings import Settings

FILE_NAME = "identity_overrides.csv"
COLUMNS = ("kind", "left_record", "right_record", "who", "why", "decided_at")
KINDS = ("link", "unlink")
PROFILES = ("crm.contacts/", "shop.accounts/")
# A decision outweighs any sum of evidence, and "unlink" outweighs "link".
LINK_BITS = 1e6


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
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise UsageError(f"{path}, line 1: columns missing: {', '.join(missing)}.")
        found = []
        for row in reader:
            try:
                decided = datetime.fromisoformat(row["decided_at"])
            except (TypeError, ValueError):
                raise UsageError(
                    f"{path}, line {reader.line_num}: decided_at is not a time such as "
                    "2026-01-31T09:30:00."
                ) from None
            found.append(
                make_override(
                    row["kind"] or "",
                    row["left_record"] or "",
                    row["right_record"] or "",
                    who=row["who"] or "",
                    why=row["why"] or "",
                    decided_at=decided,
                    where=f"{path}, line {reader.line_num}",
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


def load_overrides(con: duckdb.DuckDBPyConnection, settings: Settings) -> list[Override]:
    """Make ``id_overrides`` from the file; a missing file comes back from ``identity.overrides``.

    Returns the decisions that were added or taken away since the last resolution.
    """
    known = _stored(con, "identity")
    if known and not overrides_path(settings).exists():
        add_overrides(settings, known)
    current = read_overrides(overrides_path(settings))
    con.execute("CREATE OR REPLACE TEMP TABLE id_overrides AS FROM identity.overrides LIMIT 0")
    for row in current:
        con.execute(
            "INSERT INTO id_overrides VALUES (?, ?, ?, ?, ?, ?)", [*_texts(row), row.decided_at]
        )
    return sorted(set(current) ^ set(_stored(con, "resolution")))


def _stored(con: duckdb.DuckDBPyConnection, schema: str) -> list[Override]:
    rows = con.execute(f"SELECT {', '.join(COLUMNS)} FROM {schema}.overrides ORDER BY ALL")
    return [Override(*row) for row in rows.fetchall()]


def store_overrides(con: duckdb.DuckDBPyConnection) -> None:
    """Keep what this resolution went by, for the next one to see what was decided since."""
    for schema in ("identity", "resolution"):
        con.execute(f"DELETE FROM {schema}.overrides")
        con.execute(f"INSERT INTO {schema}.overrides SELECT * FROM id_overrides")


def sync_overrides(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Bring ``identity.overrides``, which says whether there is anything to build, to the file's
    content before a resolution."""
    load_overrides(con, settings)
    con.execute("DELETE FROM identity.overrides")
    con.execute("INSERT INTO identity.overrides SELECT * FROM id_overrides")


def apply_overrides(con: duckdb.DuckDBPyConnection, changed: list[Override]) -> None:
    """Add must-links to ``id_links`` and make ``id_forbidden`` (a, b) and ``id_decided`` (a, b).

    ``id_decided``: pairs whose decision is new or withdrawn, the cause of what changes with them.
    Decisions on records that are not there wait for them.
    """
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_decisions AS
        WITH latest AS (
            SELECT left_record, right_record, arg_max(kind, decided_at) AS kind
            FROM id_overrides GROUP BY left_record, right_record
        ),
        profiles AS (
            SELECT rid, source_system || '.' || source_table || '/' || source_id AS record
            FROM id_nodes WHERE is_profile
        )
        SELECT least(l.rid, r.rid) AS a, greatest(l.rid, r.rid) AS b, o.kind
        FROM latest AS o
        JOIN profiles AS l ON l.record = o.left_record
        JOIN profiles AS r ON r.record = o.right_record
        """
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_forbidden AS "
        "SELECT a, b FROM id_decisions WHERE kind = 'unlink'"
    )
    con.execute("DELETE FROM id_links AS l USING id_decisions AS d WHERE d.a = l.a AND d.b = l.b")
    con.execute(
        "INSERT INTO id_links SELECT a, b, 'override', 1.0 FROM id_decisions WHERE kind = 'link'"
    )
    # Whoever is linked to a record that a person declared the same as this one is this one too,
    # and what contradicts between them is known to be wrong.
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_vouched AS
        WITH same AS (
            SELECT a AS one, b AS other FROM id_decisions WHERE kind = 'link'
            UNION ALL SELECT b, a FROM id_decisions WHERE kind = 'link'
        )
        SELECT DISTINCT least(s.one, t.third) AS a, greatest(s.one, t.third) AS b
        FROM same AS s
        JOIN (SELECT a AS rid, b AS third FROM id_links UNION ALL SELECT b, a FROM id_links) AS t
          ON t.rid = s.other
        """
    )
    create_table(
        con,
        "id_touched",
        {
            "left_record": [row.left_record for row in changed] or [""],
            "right_record": [row.right_record for row in changed] or [""],
        },
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_decided AS
        SELECT l.rid AS a, r.rid AS b
        FROM id_touched AS t
        JOIN id_nodes AS l
          ON l.source_system || '.' || l.source_table || '/' || l.source_id = t.left_record
        JOIN id_nodes AS r
          ON r.source_system || '.' || r.source_table || '/' || r.source_id = t.right_record
        """
    )
