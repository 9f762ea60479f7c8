"""Telephone regions: numbers that a source writes without a country code get the source's own.

Only where a source names its ``phone_region``. A number that is valid there is kept in E.164 form,
so that whoever reads it later needs no region; every other text stays as delivered, and is read by
the installation's region.
"""

from collections.abc import Sequence

import duckdb
import phonenumbers

from dagster_project.contracts import Table
from dagster_project.load.ledger.schema import raw_name
from dagster_project.warehouse import identifier, quoted


def with_country_code(text: str, region: str) -> str | None:
    """A number of ``region`` in E.164 form, its extension behind it; None for any other text."""
    if text.lstrip().startswith("+"):
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{plain} ext. {number.extension}" if number.extension else plain


def give_country_codes(
    con: duckdb.DuckDBPyConnection,
    tables: Sequence[tuple[str, Table]],
    target: str,
    file_hashes: Sequence[str],
    region: str,
) -> None:
    """Write the country code into the telephone columns of the rows of some of a target's contents.

    ``tables`` are (system, table). Runs inside the caller's transaction.
    """
    hashes = ", ".join(map(quoted, file_hashes))
    for system, table in tables:
        raw = raw_name(system, table.name)
        for column, kind_column in table.phone_columns:
            name = identifier(column)
            where = f"_file_hash IN ({hashes}) AND _source = {quoted(target)}"
            if kind_column:
                where += f" AND {identifier(kind_column)} = 'phone'"
            # Each distinct number once: one costs some 30 microseconds.
            texts = con.execute(
                f"SELECT DISTINCT {name} FROM {raw} WHERE {where} AND {name} IS NOT NULL"
            ).fetchall()
            pairs = [(text, with_country_code(text, region)) for (text,) in texts]
            changed = [(text, number) for text, number in pairs if number not in (None, text)]
            if not changed:
                continue
            import pyarrow as pa

            delivered, numbers = zip(*changed, strict=True)
            con.register("load_phones_in", pa.table({"delivered": delivered, "number": numbers}))
            con.execute(
                f"UPDATE {raw} AS t SET {name} = p.number FROM load_phones_in p "
                f"WHERE {where} AND t.{name} = p.delivered"
            )
            con.unregister("load_phones_in")
