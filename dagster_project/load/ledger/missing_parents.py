"""Missing parents: references that meet no record, and what the two sides look like.

A few are data: their parent comes later, or never. When most miss, or when they would meet in
another writing (2001.0 and 2001, 00123 and 123, the 15 and 18 characters of Salesforce), the two
systems write one number in two ways, and everything that joins them is empty. Shapes are told,
never values.
"""

from collections.abc import Iterable

import duckdb

from dagster_project.contracts.references import ParentReference
from dagster_project.load.ledger.schema import insert_rows, raw_name
from dagster_project.warehouse import identifier

# Shares of the rows with a reference: so many without a parent are no exception any more, and so
# many that meet in another writing are no chance.
MOST_MISS = 0.5
SOME_MEET = 0.01
# Ways in which one number is written twice: what is told, SQL of the plain writing.
WRITINGS = {
    "without .0 at the end": "regexp_replace({0}, '\\.0+$', '')",
    "without leading zeros": "regexp_replace({0}, '^0+([^0])', '\\1')",
    "by the first 15 of 18 characters": "CASE WHEN length({0}) = 18 THEN left({0}, 15) "
    "ELSE {0} END",
    "in one case of letters": "lower({0})",
    "without blanks and signs": "regexp_replace({0}, '[^\\w.]|_', '', 'g')",
}


def write_missing_parents(
    con: duckdb.DuckDBPyConnection, references: Iterable[ParentReference]
) -> None:
    """Rewrite ``ledger.missing_parents``: a row for each reference of which both sides are there.

    ``references`` are those to look at anew; the others' rows stay.
    """
    for reference in references:
        con.execute("DELETE FROM ledger.missing_parents WHERE reference = ?", [reference.name])
        found = _missing(con, reference)
        if found:
            insert_rows(con, "ledger.missing_parents", [found])


def _missing(
    con: duckdb.DuckDBPyConnection, reference: ParentReference
) -> tuple[object, ...] | None:
    child = raw_name(reference.system, reference.table)
    parent = raw_name(reference.parent_system, reference.parent_table)
    column, key = identifier(reference.column), identifier(reference.parent_column)
    for table in (child, parent):
        if con.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None:
            return None
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE load_children AS SELECT {column} AS v, count(*) AS n "
        f"FROM {child} WHERE {column} IS NOT NULL GROUP BY 1"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE load_orphans AS SELECT v, n FROM temp.load_children c "
        f"ANTI JOIN {parent} p ON p.{key} = c.v"
    )
    rows, missing = con.execute(
        "SELECT (SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM temp.load_children), "
        "(SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM temp.load_orphans)"
    ).fetchall()[0]
    if not rows:
        return None
    is_odd, said = False, ""
    if missing:
        met = {writing: _meeting(con, parent, key, sql) for writing, sql in WRITINGS.items()}
        best = max(met, key=lambda writing: met[writing])
        would_meet = met[best] >= SOME_MEET * rows
        is_odd = missing >= MOST_MISS * rows or would_meet
        if is_odd:
            theirs = _shape(con, "temp.load_orphans", "v")
            own = _shape(con, f"(SELECT DISTINCT {key} AS v FROM {parent})", "v")
            said = (
                f"{reference.name}: {missing:,} of {rows:,} ({missing / rows:.0%}) name no record "
                f"of {reference.parent}. These have {theirs}; those of {reference.parent} have "
                f"{own}."
            )
            if would_meet:
                said += (
                    f" {met[best]:,} would meet {best}: let one side write it as the other does."
                )
    return (reference.name, reference.parent, rows, missing, is_odd, said)


def _meeting(con: duckdb.DuckDBPyConnection, parent: str, key: str, sql: str) -> int:
    """Rows without a parent that would have one if both sides were written plainly."""
    row = con.execute(
        f"SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM temp.load_orphans c SEMI JOIN "
        f"(SELECT {sql.format(key)} AS plain FROM {parent}) p "
        f"ON p.plain = {sql.format('c.v')}"
    ).fetchone()
    return row[0] if row else 0


def _shape(con: duckdb.DuckDBPyConnection, relation: str, column: str) -> str:
    """What texts look like: their lengths, and the signs that tell one writing from another."""
    shortest, longest, digits, zeros, points, salesforce = con.execute(
        f"""
        SELECT min(length({column})), max(length({column})),
            avg(CAST(regexp_full_match({column}, '\\d+') AS INT)),
            avg(CAST(regexp_matches({column}, '^0\\d') AS INT)),
            avg(CAST(regexp_matches({column}, '\\.0+$') AS INT)),
            avg(CAST(length({column}) IN (15, 18)
                AND regexp_full_match({column}, '[0-9A-Za-z]+') AS INT))
        FROM {relation}
        """
    ).fetchall()[0]
    length = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
    parts = [f"{length} characters"]
    for share, what in (
        (digits, "are digits only"),
        (zeros, "begin with a zero"),
        (points, "end in .0"),
        (salesforce, "are 15 or 18 letters and digits"),
    ):
        if share:
            parts.append(f"{share:.0%} {what}")
    return ", ".join(parts)
