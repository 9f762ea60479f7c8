"""Identifiers: records and the values that they bear, each in one form and with a number.

``resolution.nodes``  one row per record: ``node`` (a number that lasts until everything is resolved
                    anew), hashes of the row that it came from, normalised identifiers and
                    comparison keys
"""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from dagster_project.identity.frames import Columns, Frame, create_table, make
from dagster_project.identity.records.further_values import (
    FURTHER,
    collect_further,
    first_and_further,
)
from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.names import PersonName, family_gender, parse_family, parse_name
from dagster_project.identity.rules.nicknames import Nicknames
from dagster_project.identity.rules.normalisation import KINDS, normaliser
from dagster_project.identity.rules.places import load_cities, parse_address

# What a node is made of; a row is new to the identity step when one of these differs.
RAW_COLUMNS = (
    "source_system, source_table, source_id, seen_at, email, phone, loyalty_card, national_id, "
    "further_emails, further_phones, full_name, first_name, middle_name, last_name, birth_date, "
    "gender, postal_code, street_address, city, account_id, contact_id"
)
# What else a golden record is made of: a row that differs in these alone is resolved as before.
TOLD_COLUMNS = "updated_at, is_deleted, region, country, company"
# A record that describes a person; orders, calls and tickets describe nobody.
IS_PROFILE = "source_table IN ('contacts', 'accounts')"
# Values that are normalised at a time: Python's strings take ten times the room of DuckDB's.
_CHUNK = 100_000

ROW_HASH = f"hash({RAW_COLUMNS})"
TOLD_HASH = f"hash({TOLD_COLUMNS})"


@dataclass(frozen=True)
class RawValues:
    """How raw values differ from those of the last resolution (``identity.identifiers``)."""

    added: Frame
    removed: Frame


@dataclass(frozen=True)
class Records:
    """The nodes that are resolved now, and which of them bears which value."""

    nodes: Frame
    borne: Frame
    shared_values: Frame
    bearers: Frame
    high_degree: Frame


def normalise_values(con: duckdb.DuckDBPyConnection, guards: Guards, region: str) -> RawValues:
    """Bring raw values never seen under these rules to one form, in ``identity.normalised``."""
    version = f"{guards.version}-{region}"
    con.execute("DELETE FROM identity.normalised WHERE rules_hash <> ?", [version])
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_value_changes AS
        SELECT identifier_kind, raw_value, w.raw_value IS NULL AS is_added
        FROM intermediate.int_identity_values AS v
        FULL JOIN identity.identifiers AS w USING (identifier_kind, raw_value)
        WHERE v.raw_value IS NULL OR w.raw_value IS NULL
        """
    )
    columns = "SELECT identifier_kind, raw_value FROM id_value_changes"
    added = make(con, "added_values", f"{columns} WHERE is_added")
    removed = make(con, "removed_values", f"{columns} WHERE NOT is_added")
    for kind in KINDS:
        unknown = con.execute(
            f"SELECT raw_value FROM {added} WHERE identifier_kind = $1 EXCEPT "
            "SELECT raw_value FROM identity.normalised WHERE identifier_kind = $1",
            [kind],
        ).to_arrow_table()["raw_value"]
        normalise = normaliser(kind, guards, region)
        for start in range(0, len(unknown), _CHUNK):
            raws = unknown.slice(start, _CHUNK).to_pylist()
            done = [normalise(raw) for raw in raws]
            _insert(
                con,
                "identity.normalised",
                {
                    "identifier_kind": pa.array([kind] * len(raws), pa.string()),
                    "raw_value": pa.array(raws, pa.string()),
                    "normalised_value": pa.array([value for value, _ in done], pa.string()),
                    "block_reason": pa.array([reason for _, reason in done], pa.string()),
                    "rules_hash": pa.array([version] * len(raws), pa.string()),
                },
            )
    return RawValues(added, removed)


def _insert(con: duckdb.DuckDBPyConnection, table: str, columns: dict[str, pa.Array]) -> None:
    con.register("id_incoming", pa.table(columns))
    con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM id_incoming")
    con.unregister("id_incoming")


def _parse_names(
    con: duckdb.DuckDBPyConnection, guards: Guards, nicknames: Nicknames, records: str
) -> None:
    """``id_first``, ``id_last`` and ``id_names``: the parts of every distinct name in ``records``.

    Most names are one word in each of two fields, of which there are few; only the others, in
    ``id_names``, are parsed as wholes.
    """
    firsts = _distinct(con, records, "first_name")
    names = [parse_name(guards, nicknames, first=raw) for raw in firsts]
    create_table(con, "id_first", _name_columns({"raw": firsts}, names))
    lasts = _distinct(con, records, "last_name")
    names = [parse_family(guards, nicknames, raw) for raw in lasts]
    create_table(con, "id_last", _name_columns({"raw": lasts}, names))
    wholes = con.execute(
        f"""
        SELECT DISTINCT first_name, middle_name, last_name, full_name
        FROM {records} AS r LEFT JOIN id_last AS l ON l.raw = r.last_name
        WHERE middle_name IS NOT NULL OR full_name IS NOT NULL OR len(l.last_names) > 0
           OR contains(trim(first_name), ' ') OR contains(trim(last_name), ' ')
        """
    ).fetchall()
    fields = ("first_name", "middle_name", "last_name", "full_name")
    keys = {field: [row[at] for row in wholes] for at, field in enumerate(fields)}
    names = [
        parse_name(guards, nicknames, first=row[0], middle=row[1], last=row[2], full=row[3])
        for row in wholes
    ]
    create_table(con, "id_names", _name_columns(keys, names))


def _name_columns(keys: dict[str, list], names: list[PersonName]) -> Columns:
    text, texts = pa.string(), pa.list_(pa.string())
    return {
        **{name: pa.array(values, text) for name, values in keys.items()},
        "first_key": pa.array([name.first_key for name in names], text),
        "first_names": pa.array([list(name.first_names) for name in names], texts),
        "last_key": pa.array([name.last_key for name in names], text),
        "last_names": pa.array([list(name.last_names) for name in names], texts),
        "patronymic": pa.array([name.patronymic for name in names], text),
        "gender": pa.array([name.gender for name in names], text),
        "family_gender": pa.array([family_gender(name.last_key) for name in names], text),
    }


def _parse_places(con: duckdb.DuckDBPyConnection, records: str) -> None:
    """``id_streets`` and ``id_cities``: the keys of every distinct address and city."""
    raws = _distinct(con, records, "street_address")
    addresses = [parse_address(raw) for raw in raws]
    text = pa.string()
    create_table(
        con,
        "id_streets",
        {
            "raw": pa.array(raws, text),
            "street": pa.array([found.street for found in addresses], text),
            "house": pa.array([found.house for found in addresses], text),
            "flat": pa.array([found.flat for found in addresses], text),
        },
    )
    raws, cities = _distinct(con, records, "city"), load_cities()
    keys = pa.array([cities.key(raw) for raw in raws], text)
    create_table(con, "id_cities", {"raw": pa.array(raws, text), "city": keys})


def _distinct(con: duckdb.DuckDBPyConnection, records: str, column: str) -> list[str]:
    rows = con.execute(
        f"SELECT DISTINCT {column} FROM {records} WHERE {column} IS NOT NULL"
    ).fetchall()
    return [row[0] for row in rows]


def nodes_of(
    con: duckdb.DuckDBPyConnection, guards: Guards, nicknames: Nicknames, records: str
) -> str:
    """Query for the columns of ``resolution.nodes`` but ``node``, a row per row of ``records``.

    It holds until the next call, which brings the names of other records to one form.
    """
    _parse_names(con, guards, nicknames, records)
    _parse_places(con, records)
    further = collect_further(con, guards, records)
    defaults = ", ".join(f"DATE '{day}'" for day in guards.default_birth_dates)
    value = (
        "(SELECT raw_value, normalised_value FROM identity.normalised "
        "WHERE identifier_kind = '{0}' AND normalised_value IS NOT NULL) AS {0}_n"
    )
    joins = "\n".join(
        f"LEFT JOIN {value.format(kind)} ON {kind}_n.raw_value = r.{kind}" for kind in KINDS
    )
    is_whole = "n.first_names IS NOT NULL"
    named = (
        f"CASE WHEN {is_whole} THEN n.gender "
        "WHEN len(f.first_names) > 1 AND length(f.first_key) > 3 "
        "THEN coalesce(f.gender, l.family_gender) ELSE f.gender END"
    )
    hashes = ", ".join(
        f"hash({', '.join(f'r.{column.strip()}' for column in columns.split(','))}) AS {name}"
        for name, columns in (("row_hash", RAW_COLUMNS), ("told_hash", TOLD_COLUMNS))
    )
    return f"""
        SELECT
            r.source_system, r.source_table, r.source_id, r.seen_at,
            {hashes},
            {IS_PROFILE} AS is_profile,
            {", ".join(first_and_further(kind) for kind in KINDS)},
            CASE WHEN {is_whole} THEN n.first_key ELSE f.first_key END AS first_key,
            coalesce(CASE WHEN {is_whole} THEN n.first_names ELSE f.first_names END, [])
                AS first_names,
            CASE WHEN {is_whole} THEN n.last_key ELSE l.last_key END AS last_key,
            coalesce(CASE WHEN {is_whole} THEN n.last_names ELSE l.last_names END, [])
                AS last_names,
            n.patronymic,
            CASE WHEN r.birth_date IN ({defaults}) THEN NULL ELSE r.birth_date END AS birth_date,
            CASE WHEN r.birth_date IN ({defaults}) THEN NULL
                ELSE strftime(r.birth_date, '%Y%m%d') END AS birth,
            {_gender("r.gender", named)}
                AS gender,
            nullif(regexp_replace(lower(r.postal_code), '[^0-9a-z]', '', 'g'), '') AS postal_code,
            a.street, a.house, a.flat, c.city,
            r.account_id, r.contact_id
        FROM {records} AS r
        {joins}
        LEFT JOIN {further} AS w
          ON w.of_system = r.source_system AND w.of_table = r.source_table
         AND w.of_id = r.source_id
        LEFT JOIN id_first AS f ON f.raw = r.first_name
        LEFT JOIN id_last AS l ON l.raw = r.last_name
        LEFT JOIN id_names AS n
          ON n.first_name IS NOT DISTINCT FROM r.first_name
         AND n.middle_name IS NOT DISTINCT FROM r.middle_name
         AND n.last_name IS NOT DISTINCT FROM r.last_name
         AND n.full_name IS NOT DISTINCT FROM r.full_name
        LEFT JOIN id_streets AS a ON a.raw = r.street_address
        LEFT JOIN id_cities AS c ON c.raw = r.city
        """


def _gender(stated: str, named: str) -> str:
    """SQL of f or m: as stated, or else as the name tells; none where the two contradict."""
    letter = (
        f"CASE WHEN lower(left(trim({stated}), 1)) IN ('f', 'w', 'ж') THEN 'f' "
        f"WHEN lower(left(trim({stated}), 1)) IN ('m', 'м') THEN 'm' END"
    )
    return f"CASE WHEN ({letter}) <> ({named}) THEN NULL ELSE coalesce({letter}, {named}) END"


def prepare_all(con: duckdb.DuckDBPyConnection, guards: Guards, nicknames: Nicknames) -> Records:
    """``resolution.nodes`` anew from all records, and all of them to be resolved."""
    records = "intermediate.int_identity_records"
    # Numbered by their keys alone: to sort the nodes whole takes as long as to make them.
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_numbered AS
        SELECT source_system, source_table, source_id, row_number() OVER (
            ORDER BY {IS_PROFILE} DESC, source_system, source_table, source_id
        ) - 1 AS node
        FROM {records}
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TABLE resolution.nodes AS
        SELECT o.node, n.*
        FROM ({nodes_of(con, guards, nicknames, records)}) AS n
        JOIN id_numbered AS o USING (source_system, source_table, source_id)
        """
    )
    nodes = make(con, "nodes", "SELECT node AS rid, * FROM resolution.nodes", as_view=True)
    return _bearing(con, nodes, _high_degree(con, guards, nodes))


def prepare_part(con: duckdb.DuckDBPyConnection, part: Frame, high_degree: Frame) -> Records:
    """The nodes in ``part`` are to be resolved; ``high_degree`` is of all records."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_part_nodes AS
        SELECT row_number() OVER (
            ORDER BY n.is_profile DESC, n.source_system, n.source_table, n.source_id
        ) - 1 AS rid, n.*
        FROM resolution.nodes AS n SEMI JOIN {part} AS p ON p.node = n.node
        """
    )
    nodes = make(con, "nodes", "FROM id_part_nodes", as_view=True)
    return _bearing(con, nodes, high_degree)


def borne_by(relation: str | Frame, number: str) -> str:
    """Query (number, kind, value, is_profile, is_own) of all that the nodes in ``relation`` bear.

    ``is_own``: may speak without a name. Of several values of a record that has none itself, each
    may be somebody else's.
    """
    parts = [
        f"SELECT {number}, '{kind}' AS kind, {kind} AS value, is_profile, true AS is_own "
        f"FROM {relation} WHERE {kind} IS NOT NULL"
        for kind in KINDS
    ]
    parts += [
        f"SELECT {number}, '{kind}', unnest({column}), is_profile, "
        f"first_key IS NOT NULL AND last_key IS NOT NULL FROM {relation} WHERE len({column}) > 0"
        for kind, column in FURTHER.items()
    ]
    for kind, table in (("contact", "contacts"), ("account", "accounts")):
        parts.append(
            f"SELECT {number}, '{kind}', source_id, is_profile, true FROM {relation} "
            f"WHERE source_table = '{table}'"
        )
        parts.append(
            f"SELECT {number}, '{kind}', {kind}_id, is_profile, true FROM {relation} "
            f"WHERE {kind}_id IS NOT NULL"
        )
    return " UNION ALL ".join(parts)


def _high_degree(con: duckdb.DuckDBPyConnection, guards: Guards, nodes: Frame) -> Frame:
    """High-degree identifiers: values of more profiles than are looked at."""
    return make(
        con,
        "high_degree",
        f"""
        SELECT kind, value, count(DISTINCT rid) AS profiles
        FROM ({borne_by(nodes, "rid")}) WHERE is_profile
        GROUP BY kind, value HAVING count(DISTINCT rid) > {guards.profiles_per_value}
        """,
    )


def _bearing(con: duckdb.DuckDBPyConnection, nodes: Frame, high_degree: Frame) -> Records:
    """Which of ``nodes`` bears which value.

    A value that only one record bears links nothing and is left out of everything that follows,
    except a high-degree one: its other bearers are not here when a part is resolved.
    """
    borne = make(con, "borne", f"SELECT DISTINCT * FROM ({borne_by(nodes, 'rid')})")
    shared = make(
        con,
        "shared_values",
        f"""
        SELECT row_number() OVER (ORDER BY b.kind, b.value) - 1 AS vid, b.kind, b.value,
               any_value(h.profiles) AS degree
        FROM {borne} AS b
        LEFT JOIN {high_degree} AS h ON h.kind = b.kind AND h.value = b.value
        GROUP BY b.kind, b.value
        HAVING count(*) > 1 OR any_value(h.profiles) IS NOT NULL
        """,
    )
    bearers = make(
        con,
        "bearers",
        f"""
        SELECT b.rid, b.kind, v.vid, b.is_profile, b.is_own
        FROM {borne} AS b
        JOIN {shared} AS v ON v.kind = b.kind AND v.value = b.value
        """,
    )
    return Records(nodes, borne, shared, bearers, high_degree)
