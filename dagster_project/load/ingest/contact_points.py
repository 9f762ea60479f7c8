"""Contact points: a cell that holds several addresses keeps the first, the others become rows.

Which columns such a cell may stand in, and what kind of address it then holds, is said in the
contract (``contact_point``). A cell with one address stays as delivered, whatever stands around it.
"""

from collections.abc import Sequence

import duckdb

from dagster_project.contracts import Table
from dagster_project.load.ledger.load_summary import FileOutcome
from dagster_project.load.ledger.schema import raw_name
from dagster_project.load.validation.load_targets import POINTS
from dagster_project.warehouse import identifier, quoted

# Addresses in a text with anything between them; a slash parts them as well.
_EMAIL = r"[^\s@,;:<>()|/\\\"]+@[^\s@,;:<>()|/\\\"]+\.[^\s@.,;:<>()|/\\\"]{2,}"
# What stands between two numbers. A plus begins one; brackets, points and single spaces are part
# of one.
_BETWEEN_PHONES = r"[;,|/\\\r\n\t]+|\s{2,}"
# Digits of a number that can be called without a country code; fewer are an extension.
_FEWEST_DIGITS = 7


def _digits(text: str) -> str:
    return f"regexp_replace({text}, '\\D', '', 'g')"


def _listed(kind: str, text: str) -> str:
    """SQL: the addresses of one kind in a text, in its order."""
    if kind == "email":
        return f"regexp_extract_all({text}, {quoted(_EMAIL)})"
    parted = rf"regexp_replace({text}, '\s+\+', ';+', 'g')"
    pieces = f"string_split_regex({parted}, {quoted(_BETWEEN_PHONES)})"
    return (
        f"list_transform(list_filter({pieces}, lambda piece: length({_digits('piece')}) >= "
        f"{_FEWEST_DIGITS}), lambda piece: trim(piece))"
    )


def _same(kind: str, text: str) -> str:
    """SQL: what two writings of one address have in common."""
    return f"lower({text})" if kind == "email" else _digits(text)


def split_cells(
    con: duckdb.DuckDBPyConnection, table: tuple[str, Table], outcomes: Sequence[FileOutcome]
) -> None:
    """Split the cells of the batch's rows in ``table`` (system, contract) that hold several.

    Adds the rows of ``crm.contact_points`` to the outcomes of their files. The batch's files are
    those of ``temp.load_units``; runs inside the caller's transaction.
    """
    system, contract = table
    raw = raw_name(system, contract.name)
    batch = "(_file_hash, _source) IN (SELECT (_hash, _source) FROM temp.load_units)"
    for column in contract.columns:
        if column.contact_point is None:
            continue
        kind, name = column.contact_point, identifier(column.name)
        # Texts without two addresses are most, and cheaply told.
        several = f"{batch} AND {name} IS NOT NULL AND " + (
            f"length({name}) - length(replace({name}, '@', '')) > 1"
            if kind == "email"
            else f"length({_digits(name)}) >= {2 * _FEWEST_DIGITS}"
        )
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE load_points AS
            SELECT row_id, _file_hash, found[1] AS first, further FROM (
                SELECT *, list_filter(found, lambda item, place: place > 1 AND list_position(
                    list_transform(found, lambda other: {_same(kind, "other")}),
                    {_same(kind, "item")}) = place) AS further
                FROM (
                    SELECT rowid AS row_id, _file_hash, {_listed(kind, name)} AS found
                    FROM {raw} WHERE {several}
                ) WHERE length(found) > 1
            )
            """
        )
        con.execute(
            f"INSERT INTO {raw_name(*POINTS)} "
            "(contact_id, kind, value, is_primary, updated_at, _file_hash, _line, _delivered_on, "
            f"_source) SELECT t.contact_id, {quoted(kind)}, p.value, false, t.updated_at, "
            f"t._file_hash, t._line, t._delivered_on, t._source FROM {raw} AS t JOIN "
            "(SELECT row_id, unnest(further) AS value FROM temp.load_points) AS p "
            "ON t.rowid = p.row_id"
        )
        for number, rows in con.execute(
            "SELECT u._number, CAST(sum(length(p.further)) AS BIGINT) FROM temp.load_points AS p "
            "JOIN temp.load_units AS u ON p._file_hash = u._hash GROUP BY 1"
        ).fetchall():
            if rows:
                counts = outcomes[number].rows
                counts[POINTS] = counts.get(POINTS, 0) + rows
        con.execute(
            f"UPDATE {raw} SET {name} = p.first FROM temp.load_points AS p "
            f"WHERE {raw}.rowid = p.row_id"
        )
    con.execute("DROP TABLE IF EXISTS temp.load_points")
