"""Accounting: what was loaded, as counts and reasons that anybody may see, never a value."""

from typing import Any

import duckdb


def ledger_summary(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Totals of the ledger, per source and per reason, for the manifest and the report.

    ``records`` = ``accepted`` + ``quarantined`` + ``left_out`` + ``erased``. ``by_source`` has one
    entry per target (``crm.contacts``, or a mapping's name); ``reasons`` counts the records, and
    at the level ``cell`` the values, that were refused. ``deliveries`` and ``schema_changes`` say
    in sentences which sources are late or odd, and whose columns changed; ``waiting`` which files
    may still be written.
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
    waiting = _dicts(con, "SELECT path, message FROM ledger.waiting ORDER BY path")
    return {
        **totals,
        "by_source": by_source,
        "reasons": reasons,
        "rules": rules,
        "deliveries": deliveries,
        "schema_changes": changes,
        "waiting": waiting,
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


COUNTS = frozenset({"files", "records", "accepted", "quarantined", "left_out", "erased"})
