"""Why these records are one person, as plain data."""

from typing import Any

import duckdb

from dagster_project.errors import UsageError
from dagster_project.identity.inspection.built import require_built
from dagster_project.identity.matching.pair_scores import FIELDS
from dagster_project.identity.records.further_values import raw_values_of
from dagster_project.identity.registry.id_assignment import keyed_hash
from dagster_project.identity.registry.tables import hash_key
from dagster_project.identity.rules.guards import load_guards
from dagster_project.identity.rules.normalisation import KINDS, normaliser
from dagster_project.settings import Settings
from dagster_project.warehouse import PUBLISHED_SCHEMAS, identifier

# Where a person's rows may lie, restricted ones last.


def explain(con: duckdb.DuckDBPyConnection, settings: Settings, key: str) -> dict[str, Any]:
    """Everything known about who ``key`` is: a list of customers under ``customers``.

    ``key``: a customer id (of today or an alias), an e-mail, a phone, or a record written
    ``crm.contacts/C-000001``. Each customer has records, links (with the weight of every field in
    bits), guards that fired on its identifiers, the history of its id and all its mart rows.
    Raises UsageError when nobody is found, or nothing is built; no message repeats the key.
    """
    require_built(con)
    found = _find(con, settings, key.strip())
    if not found:
        raise UsageError(
            "Nobody is known under this key. Give a customer id, an e-mail, a phone with country "
            "code, or a record such as crm.contacts/C-000001."
        )
    return {
        "key": key,
        "customers": [_customer(con, customer) for customer in found],
    }


def current_id(con: duckdb.DuckDBPyConnection, customer_id: str) -> str | None:
    """The id in force behind any id ever given, following aliases; None when there is no such."""
    seen = set()
    at: str | None = customer_id
    while at is not None and at not in seen:
        seen.add(at)
        row = con.execute(
            "SELECT merged_into FROM identity.registry_ids WHERE customer_id = ?", [at]
        ).fetchone()
        if row is None:
            return None
        if row[0] is None:
            return at
        at = row[0]
    return None


def _find(con: duckdb.DuckDBPyConnection, settings: Settings, key: str) -> list[str]:
    by_id = current_id(con, key)
    if by_id:
        return [by_id]
    by_record = con.execute(
        "SELECT customer_id FROM identity.assignments "
        "WHERE source_system || '.' || source_table || '/' || source_id = ?",
        [key],
    ).fetchall()
    if by_record:
        return [row[0] for row in by_record]
    guards = load_guards()
    found: set[str] = set()
    for kind in KINDS:
        value, _ = normaliser(kind, guards, settings.phone_region)(key)
        if value is not None:
            found.update(
                row[0]
                for row in con.execute(
                    f"""
                    SELECT DISTINCT a.customer_id
                    FROM ({raw_values_of(kind)}) AS r
                    JOIN identity.normalised AS n
                      ON n.identifier_kind = '{kind}' AND n.raw_value = r.raw_value
                    JOIN identity.assignments AS a
                      ON a.source_system = r.source_system AND a.source_table = r.source_table
                     AND a.source_id = r.source_id
                    WHERE n.normalised_value = ?
                    """,
                    [value],
                ).fetchall()
            )
    return sorted(found)


def _customer(con: duckdb.DuckDBPyConnection, customer: str) -> dict[str, Any]:
    return {
        "customer_id": customer,
        "records": _rows(
            con,
            """
            SELECT a.source_system, a.source_table, a.source_id, a.method, a.probability,
                   a.linked_at, r.* EXCLUDE (source_system, source_table, source_id)
            FROM identity.assignments AS a
            LEFT JOIN intermediate.int_identity_records AS r
              ON r.source_system = a.source_system AND r.source_table = a.source_table
             AND r.source_id = a.source_id
            WHERE a.customer_id = ? ORDER BY r.seen_at, a.source_table, a.source_id
            """,
            [customer],
        ),
        "links": _links(con, customer),
        "guards": _guards(con, customer),
        "history": {
            "ids": _rows(
                con,
                "SELECT customer_id, minted_at, merged_into FROM identity.registry_ids "
                "WHERE customer_id = $1 OR merged_into = $1 ORDER BY mint_number",
                [customer],
            ),
            "changes": _rows(
                con,
                "SELECT * FROM identity.id_changes "
                "WHERE old_customer_id = $1 OR new_customer_id = $1 ORDER BY changed_at",
                [customer],
            ),
        },
        "marts": _marts(con, customer),
    }


def _links(con: duckdb.DuckDBPyConnection, customer: str) -> list[dict[str, Any]]:
    """Strongest first. ``bits`` adds up, with the prior, to ``weight``: the waterfall."""
    links = _rows(
        con,
        """
        SELECT left_system || '.' || left_table || '/' || left_id AS left_record,
               right_system || '.' || right_table || '/' || right_id AS right_record,
               * EXCLUDE (left_system, left_table, left_id, right_system, right_table, right_id,
                          customer_id)
        FROM identity.links WHERE customer_id = ?
        ORDER BY probability DESC, left_record, right_record
        """,
        [customer],
    )
    for link in links:
        bits = {field: link.pop(f"bits_{field}") for field in FIELDS}
        if link["weight"] is None:
            link["bits"] = {}
            continue
        fields = {field: value for field, value in bits.items() if value}
        link["bits"] = {"prior": link["weight"] - sum(fields.values()), **fields}
    return links


def _guards(con: duckdb.DuckDBPyConnection, customer: str) -> list[dict[str, Any]]:
    """Stops that concern the customer's identifiers, each with the value in the clear."""
    key = hash_key(con)
    values: dict[str, tuple[str, str]] = {}
    for kind in KINDS:
        for raw, normalised in con.execute(
            f"""
            SELECT DISTINCT r.raw_value, n.normalised_value
            FROM ({raw_values_of(kind)}) AS r
            JOIN identity.assignments AS a
              ON a.source_system = r.source_system AND a.source_table = r.source_table
             AND a.source_id = r.source_id
            LEFT JOIN identity.normalised AS n
              ON n.identifier_kind = '{kind}' AND n.raw_value = r.raw_value
            WHERE a.customer_id = ?
            """,
            [customer],
        ).fetchall():
            value = raw if normalised is None else normalised
            values[keyed_hash(key, value)] = (kind, value)
    stops = _rows(con, "SELECT * FROM identity.guard_stops", [])
    return [
        {**stop, "value": values[stop["identifier_hash"]][1]}
        for stop in stops
        if stop["identifier_hash"] in values
        and stop["identifier_kind"] == values[stop["identifier_hash"]][0]
    ]


def _marts(con: duckdb.DuckDBPyConnection, customer: str) -> dict[str, list[dict[str, Any]]]:
    """Rows of marts that name the customer, or one of the customer's orders."""
    tables = con.execute(
        "SELECT table_schema, table_name, bool_or(column_name = 'customer_id') "
        "FROM information_schema.columns "
        "WHERE column_name IN ('customer_id', 'order_id') AND list_contains($1, table_schema) "
        "GROUP BY ALL ORDER BY ALL",
        [list(PUBLISHED_SCHEMAS)],
    ).fetchall()
    own_orders = "order_id IN (SELECT order_id FROM marts.orders WHERE customer_id = ?)"
    found = {
        table: _rows(
            con,
            f"SELECT * FROM {identifier(schema)}.{identifier(table)} "
            f"WHERE {'customer_id = ?' if names_customer else own_orders} ORDER BY ALL",
            [customer],
        )
        for schema, table, names_customer in tables
    }
    return {table: lines for table, lines in found.items() if lines}


def _rows(con: duckdb.DuckDBPyConnection, query: str, values: list[Any]) -> list[dict[str, Any]]:
    cursor = con.execute(query, values)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
