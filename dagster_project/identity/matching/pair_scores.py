"""Scores of pairs: Splink's query over a share of the candidates, for whoever does that share.

DuckDB in memory that reaches one folder, in which profiles and candidates lie as Parquet and the
scores come to lie. The same query with the same numbers here and on a worker of Spark: a pair's
score depends on its two profiles alone, which carry how common their values are.
"""

import json
from pathlib import Path

import duckdb

from dagster_project.identity.matching.splink_query import frequency_floors, splinks_query
from dagster_project.warehouse import connect_file, quoted

CANDIDATES, PROFILES = "candidates.parquet", "profiles.parquet"

# The model's comparisons, and those of them that weigh a rare value more than a common one.
FIELDS = (
    "first_name", "last_name", "birth_date", "national_id", "email", "phone", "loyalty_card",
    "address", "gender", "patronymic",
)  # fmt: skip
_BY_FREQUENCY = ("first_name", "last_name", "birth_date", "address", "patronymic")
_BITS = ", ".join(
    f"mw_{field} + coalesce(mw_tf_adj_{field}, 0) AS bits_{field}"
    if field in _BY_FREQUENCY
    else f"mw_{field} AS bits_{field}"
    for field in FIELDS
)


def score_share(
    share: int,
    *,
    folder: Path,
    shares: int,
    model: str,
    probability: float,
    review: float,
    memory_limit: str,
    threads: int,
) -> Path:
    """Score one of ``shares`` of the candidates in ``folder``; where its scores lie.

    ``model``: Splink's, as JSON; ``probability``: the prior; pairs below ``review`` are left out.
    """
    scores = folder / f"scores-{share}.parquet"
    con = connect_file(
        ":memory:", allowed_dirs=[folder], memory_limit=memory_limit, threads=threads
    )
    try:
        con.execute(
            f"CREATE VIEW candidates AS FROM read_parquet({quoted(str(folder / CANDIDATES))}) "
            f"WHERE join_key_l % {shares} = {share}"
        )
        own = "SELECT join_key_l FROM candidates UNION ALL SELECT join_key_r FROM candidates"
        con.execute(
            f"CREATE TABLE profiles AS FROM read_parquet({quoted(str(folder / PROFILES))})"
            + (f" WHERE rid IN ({own})" if shares > 1 else "")
        )
        query = _query(con, model, probability, review)
        con.execute(f"COPY ({query}) TO {quoted(str(scores))} (FORMAT parquet)")
    finally:
        con.close()
    return scores


def _query(con: duckdb.DuckDBPyConnection, model: str, probability: float, review: float) -> str:
    """Query for what Splink finds among ``candidates`` of ``profiles``."""
    for field in frequency_floors(json.loads(model)):
        con.execute(
            f"CREATE TABLE frequency_{field} AS SELECT DISTINCT {field}, {field}_tf AS tf_{field} "
            f"FROM profiles WHERE {field} IS NOT NULL"
        )
    tables = con.execute("SELECT sql FROM duckdb_tables() ORDER BY table_name").fetchall()
    found = splinks_query(model, probability, review, tuple(sql for (sql,) in tables))
    return (
        "SELECT least(rid_l, rid_r), greatest(rid_l, rid_r), match_probability, match_weight, "
        f"{_BITS} FROM ({found})"
    )
