"""Previous resolution: whether it can be trusted, and what it went by."""

from dataclasses import dataclass

import duckdb


@dataclass(frozen=True)
class Previous:
    """What the last resolution went by besides its rules: prior, block limits, field errors."""

    probability: float
    limits: tuple[int, ...]
    errors: str


def read_previous(con: duckdb.DuckDBPyConnection, version: str) -> Previous | None:
    """None when there was no resolution under these rules, it did not end, or lost its tables."""
    row = con.execute(
        "SELECT probability, limits, errors FROM resolution.parameters WHERE version = ?", [version]
    ).fetchone()
    if row is None:
        return None
    counts = con.execute(
        """
        SELECT (SELECT count(customer_id) FROM resolution.places),
               (SELECT count(*) FROM identity.assignments WHERE method <> 'visitor'),
               (SELECT count(*) FROM resolution.places),
               (SELECT count(*) FROM resolution.nodes)
        """
    ).fetchone()
    assert counts is not None
    is_whole = counts[0] == counts[1] and counts[2] == counts[3]
    return Previous(row[0], tuple(row[1]), row[2]) if is_whole else None
