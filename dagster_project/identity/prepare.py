"""Records and the identifiers that they bear, each in one form and with a number.

Temporary tables made here, all in this connection only:

``id_nodes``   one row per record: ``rid`` (0..n-1, profiles first, ordered by key, so that the
               order of delivery plays no part), normalised identifiers and comparison keys
``id_bears``   rid, kind, vid: which record bears which value; a reference to an account or contact
               is a value too, borne by that account or contact and by all that refer to it
``id_vids``    vid, kind, value
"""

import duckdb
import pyarrow as pa

from dagster_project.identity.guards import Guards
from dagster_project.identity.normalise import KINDS, first_name_keys, name_key, normaliser


def prepare(con: duckdb.DuckDBPyConnection, guards: Guards, region: str) -> None:
    """Fill ``identity.normalised`` and the temporary tables."""
    normalise_values(con, guards, region)
    _name_tables(con, guards)
    _nodes(con, guards)
    _bears(con)


def normalise_values(con: duckdb.DuckDBPyConnection, guards: Guards, region: str) -> int:
    """Bring raw values never seen under these rules to one form; returns how many there were."""
    version = f"{guards.version}-{region}"
    con.execute("DELETE FROM identity.normalised WHERE rules_hash <> ?", [version])
    total = 0
    for kind in KINDS:
        raws = [
            row[0]
            for row in con.execute(
                "SELECT raw_value FROM intermediate.int_identity_values WHERE identifier_kind = ? "
                "EXCEPT SELECT raw_value FROM identity.normalised WHERE identifier_kind = ?",
                [kind, kind],
            ).fetchall()
        ]
        if not raws:
            continue
        normalise = normaliser(kind, guards, region)
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
        total += len(raws)
    return total


def _insert(con: duckdb.DuckDBPyConnection, table: str, columns: dict[str, pa.Array]) -> None:
    con.register("id_incoming", pa.table(columns))
    con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM id_incoming")
    con.unregister("id_incoming")


def _distinct(con: duckdb.DuckDBPyConnection, column: str) -> list[str]:
    rows = con.execute(
        f"SELECT DISTINCT {column} FROM intermediate.int_identity_records "
        f"WHERE {column} IS NOT NULL"
    ).fetchall()
    return [row[0] for row in rows]


def _name_tables(con: duckdb.DuckDBPyConnection, guards: Guards) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_first "
        "(raw VARCHAR, first_key VARCHAR, first_names VARCHAR[], last_in_first VARCHAR)"
    )
    raws = _distinct(con, "first_name")
    keys = [first_name_keys(raw, guards) for raw in raws]
    _insert(
        con,
        "id_first",
        {
            "raw": pa.array(raws, pa.string()),
            "first_key": pa.array([key[0] for key in keys], pa.string()),
            "first_names": pa.array([list(key[1]) for key in keys], pa.list_(pa.string())),
            "last_in_first": pa.array([key[2] for key in keys], pa.string()),
        },
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_last (raw VARCHAR, last_key VARCHAR, last_names VARCHAR[])"
    )
    raws = _distinct(con, "last_name")
    last_keys = [name_key(raw, guards) for raw in raws]
    _insert(
        con,
        "id_last",
        {
            "raw": pa.array(raws, pa.string()),
            "last_key": pa.array(last_keys, pa.string()),
            "last_names": pa.array(
                [list(guards.full_names_of(key or "")) for key in last_keys],
                pa.list_(pa.string()),
            ),
        },
    )


def _nodes(con: duckdb.DuckDBPyConnection, guards: Guards) -> None:
    defaults = ", ".join(f"DATE '{day}'" for day in guards.default_birth_dates)
    value = (
        "(SELECT raw_value, normalised_value FROM identity.normalised "
        "WHERE identifier_kind = '{0}' AND normalised_value IS NOT NULL) AS {0}_n"
    )
    joins = "\n".join(
        f"LEFT JOIN {value.format(kind)} ON {kind}_n.raw_value = r.{kind}" for kind in KINDS
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_nodes AS
        SELECT
            row_number() OVER (
                ORDER BY is_profile DESC, source_system, source_table, source_id
            ) - 1 AS rid, *
        FROM (
            SELECT
                r.source_system, r.source_table, r.source_id, r.seen_at, r.is_deleted,
                r.source_table IN ('contacts', 'accounts') AS is_profile,
                email_n.normalised_value AS email,
                phone_n.normalised_value AS phone,
                loyalty_card_n.normalised_value AS loyalty_card,
                national_id_n.normalised_value AS national_id,
                f.first_key,
                coalesce(f.first_names, []) AS first_names,
                coalesce(l.last_key, f.last_in_first) AS last_key,
                coalesce(l.last_names, []) AS last_names,
                CASE WHEN r.birth_date IN ({defaults}) THEN NULL ELSE r.birth_date END
                    AS birth_date,
                lower(left(trim(r.gender), 1)) AS gender,
                nullif(regexp_replace(lower(r.postal_code), '[^0-9a-z]', '', 'g'), '')
                    AS postal_code,
                nullif(regexp_replace(lower(r.street_address), '[\\s\\p{{P}}]+', ' ', 'g'), '')
                    AS street,
                nullif(regexp_extract(r.street_address, '([0-9]+)', 1), '') AS house,
                nullif(lower(trim(r.city)), '') AS city,
                r.account_id, r.contact_id
            FROM intermediate.int_identity_records AS r
            {joins}
            LEFT JOIN id_first AS f ON f.raw = r.first_name
            LEFT JOIN id_last AS l ON l.raw = r.last_name
        )
        """
    )


def _bears(con: duckdb.DuckDBPyConnection) -> None:
    parts = [
        f"SELECT rid, '{kind}' AS kind, {kind} AS value FROM id_nodes WHERE {kind} IS NOT NULL"
        for kind in KINDS
    ]
    for kind, table in (("contact", "contacts"), ("account", "accounts")):
        parts.append(
            f"SELECT rid, '{kind}', source_id FROM id_nodes WHERE source_table = '{table}'"
        )
        parts.append(f"SELECT rid, '{kind}', {kind}_id FROM id_nodes WHERE {kind}_id IS NOT NULL")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_borne AS "
        f"SELECT DISTINCT * FROM ({' UNION ALL '.join(parts)})"
    )
    # A value that only one record bears links nothing and is left out of everything that follows.
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_vids AS
        SELECT row_number() OVER (ORDER BY kind, value) - 1 AS vid, kind, value,
               count(*) AS bearers
        FROM id_borne GROUP BY kind, value HAVING count(*) > 1
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_bears AS
        SELECT b.rid, b.kind, v.vid, n.is_profile
        FROM id_borne AS b
        JOIN id_vids AS v ON v.kind = b.kind AND v.value = b.value
        JOIN id_nodes AS n ON n.rid = b.rid
        """
    )
