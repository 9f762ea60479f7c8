"""What was loaded, in numbers that anybody may see: counts and reasons, never a value."""

from typing import Any

import duckdb


def ledger_summary(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Totals of the ledger, per source and per reason, for the manifest and the report.

    ``records`` = ``accepted`` + ``quarantined`` + ``left_out`` + ``erased``. ``by_source`` has one
    entry per target (``crm.contacts``, or a mapping's name); ``reasons`` counts the records, and
    at the level ``cell`` the values, that were refused.
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
    return {**totals, "by_source": by_source, "reasons": reasons, "rules": rules}


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
