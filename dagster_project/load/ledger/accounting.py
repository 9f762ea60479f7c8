"""Accounting: what was loaded, as counts and reasons that anybody may see, never a value."""

from collections.abc import Mapping
from typing import Any

import duckdb

from dagster_project.errors import counted


def ledger_summary(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Totals of the ledger, per source and per reason, for the manifest and the report.

    ``records`` = ``accepted`` + ``quarantined`` + ``left_out`` + ``erased``. ``by_source`` has one
    entry per target (``crm.contacts``, or a mapping's name); ``reasons`` counts the records, and
    at the level ``cell`` the values, that were refused. ``deliveries`` and ``schema_changes`` say
    in sentences which sources are late or odd, and whose columns changed; ``waiting`` which files
    may still be written. ``key_versions`` counts by source and table records that a newer one of
    their key supersedes, and keys with several contents in one file; ``missing_parents`` has the
    rows of each reference and how many of them name no record.
    """
    totals = _dicts(
        con,
        """
        SELECT count(*) AS files, coalesce(sum(records), 0) AS records,
            coalesce(sum(accepted), 0) AS accepted, coalesce(sum(quarantined), 0) AS quarantined,
            coalesce(sum(left_out), 0) AS left_out, coalesce(sum(erased), 0) AS erased
        FROM ledger.files
        """,
    )[0]
    by_source = _dicts(
        con,
        """
        SELECT target AS source, count(*) AS files, sum(records) AS records,
            sum(accepted) AS accepted, sum(quarantined) AS quarantined, sum(left_out) AS left_out,
            CAST(coalesce(max(delivered_on), CAST(max(loaded_at) AS DATE)) AS VARCHAR)
                AS newest_delivery
        FROM ledger.files GROUP BY target ORDER BY target
        """,
    )
    reasons = _dicts(
        con,
        """
        SELECT target AS source, reason, level, count(*) AS records
        FROM ledger.quarantine GROUP BY ALL ORDER BY level DESC, records DESC, source, reason
        """,
    )
    rules = _dicts(
        con,
        """
        SELECT target AS source, rule, sum(records) AS records
        FROM ledger.left_out GROUP BY ALL ORDER BY source, rule
        """,
    )
    # Sources that are late or odd, and what changed in their columns in the week before the build.
    deliveries = _dicts(
        con,
        "SELECT source, late_or_odd, message FROM ledger.deliveries WHERE is_late OR is_odd "
        "ORDER BY source",
    )
    changes = _dicts(
        con,
        """
        SELECT target AS source, kind, message, count(*) AS files,
            CAST(CAST(max(happened_at) AS DATE) AS VARCHAR) AS newest
        FROM ledger.schema_events
        WHERE happened_at >= (SELECT max(started_at) FROM control.parameters) - INTERVAL 7 DAY
        GROUP BY ALL ORDER BY newest DESC, source, kind, message
        """,
    )
    versions = _dicts(
        con,
        """
        SELECT source, system || '.' || table_name AS table_name, count(*) AS files,
            sum(older) AS older, sum(conflicts) AS conflicts,
            list(message ORDER BY path) FILTER (WHERE message <> '') AS messages
        FROM ledger.key_versions GROUP BY ALL ORDER BY source, table_name
        """,
    )
    parents = _dicts(
        con,
        """
        SELECT reference, parent, rows, missing, is_odd, message FROM ledger.missing_parents
        ORDER BY reference
        """,
    )
    waiting = _dicts(con, "SELECT path, message FROM ledger.waiting ORDER BY path")
    return {
        **totals,
        "by_source": by_source,
        "reasons": reasons,
        "rules": rules,
        "deliveries": deliveries,
        "schema_changes": changes,
        "waiting": waiting,
        "key_versions": versions,
        "missing_parents": parents,
    }


def _dicts(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    result = con.execute(sql)
    names = [column[0] for column in result.description or []]
    return [
        {
            name: int(value) if name in COUNTS else value
            for name, value in zip(names, row, strict=True)
        }
        for row in result.fetchall()
    ]


COUNTS = frozenset(
    {"files", "records", "accepted", "quarantined", "left_out", "erased", "older", "conflicts"}
)
# Sentences of one kind about one table that are told; the number says how many there are.
SHOWN = 3


def ledger_warnings(ledger: Mapping[str, Any]) -> list[str]:
    """What somebody should look at, a sentence each, from what :func:`ledger_summary` gives.

    Sources that are late or odd, keys that contradict, references that meet nothing. No personal
    data.
    """
    said = [row["message"] for row in ledger.get("deliveries", [])]
    for row in ledger.get("key_versions", []):
        messages = row.get("messages") or []
        said += messages[:SHOWN]
        if len(messages) > SHOWN:
            said.append(
                f"{row['source']}: keys with several contents in {row['table_name']}: "
                f"{counted(len(messages) - SHOWN, 'more file')}."
            )
    return said + [row["message"] for row in ledger.get("missing_parents", []) if row["is_odd"]]


def older_versions(ledger: Mapping[str, Any]) -> list[str]:
    """A sentence per source and table with records that newer ones of their keys supersede."""
    return [
        f"{row['source']}: {counted(row['older'], 'older version')} of records of "
        f"{row['table_name']}, in {counted(row['files'], 'file')}"
        for row in ledger.get("key_versions", [])
        if row["older"]
    ]
