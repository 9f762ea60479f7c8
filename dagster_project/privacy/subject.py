"""Who is to be erased or told about: the people behind keys, with all their records and addresses.

A person is whom the identity registry says: every record that it gave to one customer id. What the
registry does not hold (an older e-mail of a contact, an order without an address of its own) is
found over the raw tables. An address that a record of somebody else bears too is not the person's
alone: it stays, and no tombstone stands for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import duckdb

from dagster_project.errors import UsageError
from dagster_project.identity.registry.id_assignment import keyed_hash
from dagster_project.identity.registry.tables import hash_key
from dagster_project.identity.rules.guards import load_guards
from dagster_project.identity.rules.normalisation import normaliser
from dagster_project.privacy.references import (
    ADDRESSES,
    RECORDS,
    TABLE_OF,
    Reference,
    references,
)
from dagster_project.settings import Settings
from dagster_project.warehouse import identifier

# E-mails that name no person by a guard (info@, no-reply@): whose they are is asked all the same,
# for a mailbox that only the erased bore is theirs. They link and suppress nobody.
MAILBOX = "mailbox"
NOBODY = (
    "Nobody is known under this key. Give a customer id, an e-mail, a phone with country code, or "
    "a record such as crm.contacts/C-000001."
)


@dataclass(frozen=True)
class Subject:
    """One or several people. ``records``: kind to keys. ``addresses``: kind to (raw, normalised).

    Personal data as plain values: it is written only to a file of its own that is removed when the
    erasure is done.
    """

    customer_ids: tuple[str, ...]
    people: int
    records: dict[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Subject":
        return cls(
            customer_ids=tuple(content["customer_ids"]),
            people=content["people"],
            records={kind: tuple(keys) for kind, keys in content["records"].items()},
            addresses={
                kind: tuple((raw, value) for raw, value in pairs)
                for kind, pairs in content["addresses"].items()
            },
        )

    def raw_values(self) -> list[tuple[str, str]]:
        """(kind, value) as rows write them: keys, and addresses in every way they are written."""
        pairs = {(kind, key) for kind, keys in self.records.items() for key in keys}
        for kind, found in self.addresses.items():
            pairs.update((kind, text) for pair in found for text in pair)
        return sorted(pairs)

    def tombstones(self, key: bytes) -> list[tuple[str, str]]:
        """(kind, keyed hash) of every record key and normalised address."""
        pairs = {(kind, record) for kind, keys in self.records.items() for record in keys}
        for kind, found in self.addresses.items():
            pairs.update((kind, value) for _, value in found)
        return sorted((kind, tombstone(key, kind, value)) for kind, value in pairs)


def tombstone(key: bytes, kind: str, value: str) -> str:
    """The keyed hash that stands for a record key or a normalised address."""
    return keyed_hash(key, f"erased\x1f{kind}\x1f{value}")


def find_customers(con: duckdb.DuckDBPyConnection, settings: Settings, keys: Sequence[str]) -> set:
    """Ids in force of the customers behind ``keys``: customer ids of today or before, e-mails,
    phones, cards, records written ``crm.contacts/C-000001``.

    Raises UsageError when nobody is found for one of them; the message does not repeat the key.
    """
    prepare_values(con, settings)
    found: set[str] = set()
    for key in keys:
        own = _by_key(con, settings, key.strip())
        if not own:
            raise UsageError(NOBODY)
        found |= own
    return found


def erased_before(
    con: duckdb.DuckDBPyConnection, settings: Settings, keys: Sequence[str]
) -> set[str]:
    """Those of ``keys`` under which nobody is known because the person was erased."""
    prepare_values(con, settings)
    hashed = hash_key(con)
    stones = set(con.execute("SELECT kind, value_hash FROM identity.tombstones").fetchall())
    guards = load_guards()
    found = set()
    for key in keys:
        table, _, record = key.strip().partition("/")
        values = {RECORDS.get(tuple(table.split("."))): record}
        values |= {
            kind: normaliser(kind, guards, settings.phone_region)(key.strip())[0]
            for kind in ADDRESSES
        }
        meant = {
            (kind, tombstone(hashed, kind, value))
            for kind, value in values.items()
            if kind and value
        }
        if meant & stones and not _by_key(con, settings, key.strip()):
            found.add(key)
    return found


def subject_of(
    con: duckdb.DuckDBPyConnection, settings: Settings, customers: Iterable[str]
) -> Subject:
    """Everything that belongs to ``customers`` (ids in force)."""
    prepare_values(con, settings)
    customers = set(customers)
    customers |= _guests_with_former_mail(con, customers)
    ids = _with_aliases(con, customers)
    _table(con, "who_customers", {"customer_id": sorted(ids)})
    records = {
        kind: tuple(
            row[0]
            for row in con.execute(
                "SELECT DISTINCT source_id FROM identity.registry AS g "
                "SEMI JOIN who_customers AS w ON w.customer_id = g.customer_id "
                "WHERE source_system = ? AND source_table = ? ORDER BY 1",
                list(table),
            ).fetchall()
        )
        for table, kind in RECORDS.items()
    }
    records["visitor"] = _visitors(con)
    rows = con.execute(
        """
        SELECT v.kind, v.raw, v.value
        FROM who_values AS v
        JOIN (
            SELECT kind, value FROM who_bearers AS b
            LEFT JOIN who_customers AS w ON w.customer_id = b.customer_id
            GROUP BY kind, value
            HAVING count(w.customer_id) > 0 AND bool_and(w.customer_id IS NOT NULL)
        ) AS own ON own.kind = v.kind AND own.value = v.value
        ORDER BY ALL
        """
    ).fetchall()
    addresses: dict[str, list[tuple[str, str]]] = {}
    for kind, raw, value in rows:
        addresses.setdefault("email" if kind == MAILBOX else kind, []).append((raw, value))
    return Subject(
        customer_ids=tuple(sorted(ids)),
        people=len(customers),
        records={kind: keys for kind, keys in records.items() if keys},
        addresses={kind: tuple(pairs) for kind, pairs in addresses.items()},
    )


def prepare_values(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Make ``who_values`` (kind, raw, value: normalised) of every address in the raw tables, and
    ``who_bearers`` (customer_id, kind, value, is_profile) of the records that bear them.
    """
    guards = load_guards()
    found: list[tuple[str, str, str]] = []
    for kind in ADDRESSES:
        raws = raw_texts(con, references(), kind)
        known = _normalised_before(con, kind, f"{guards.version}-{settings.phone_region}")
        normalise = normaliser(kind, guards, settings.phone_region)
        for raw in raws:
            value = known[raw] if raw in known else normalise(raw)[0]
            if value is not None:
                found.append((kind, raw, value))
            elif kind == "email" and "@" in raw:
                found.append((MAILBOX, raw, raw.strip().lower()))
    _table(
        con,
        "who_values",
        {name: [row[at] for row in found] for at, name in enumerate(("kind", "raw", "value"))},
    )
    parts = [
        f"""
        SELECT g.customer_id, v.kind, v.value, g.source_table IN ('contacts', 'accounts')
            AS is_profile
        FROM {identifier(r.system)}.{identifier(r.table)} AS t
        JOIN identity.registry AS g
            ON g.source_system = '{r.system}' AND g.source_table = '{r.table}'
            AND g.source_id = t.{_key_of(r)}
        JOIN who_values AS v ON v.kind IN {_kinds(r)} AND v.raw = t.{identifier(r.column)}
        """
        for r in references()
        if (r.system, r.table) in RECORDS and r.kind in ADDRESSES
    ]
    # A consent, request or survey that names a contact and an address says whose address it is.
    parts += [
        f"""
        SELECT g.customer_id, v.kind, v.value, false
        FROM {identifier(r.system)}.{identifier(r.table)} AS t
        JOIN identity.registry AS g
            ON g.source_system = '{TABLE_OF[owner.kind][0]}'
            AND g.source_table = '{TABLE_OF[owner.kind][1]}'
            AND g.source_id = t.{identifier(owner.column)}
        JOIN who_values AS v ON v.kind IN {_kinds(r)} AND v.raw = t.{identifier(r.column)}
        """
        for r in references()
        for owner in references()
        if (owner.system, owner.table) == (r.system, r.table)
        and (r.system, r.table) not in RECORDS
        and owner.kind in ("contact", "account")
        and not owner.is_mention
        and r.kind in ADDRESSES
    ]
    con.execute(
        "CREATE OR REPLACE TEMP TABLE who_bearers AS SELECT DISTINCT * FROM ("
        + " UNION ALL ".join(parts)
        + ")"
    )


def _normalised_before(
    con: duckdb.DuckDBPyConnection, kind: str, rules: str
) -> dict[str, str | None]:
    """Raw text to its value, or None, of what the identity step normalised by the same rules."""
    rows = con.execute(
        "SELECT raw_value, normalised_value FROM identity.normalised "
        "WHERE identifier_kind = ? AND rules_hash = ?",
        [kind, rules],
    ).fetchall()
    return dict(rows)


def _kinds(reference: Reference) -> str:
    """SQL: the kinds of ``who_values`` that a column of addresses may hold."""
    return f"('email', '{MAILBOX}')" if reference.kind == "email" else f"('{reference.kind}')"


def raw_texts(con: duckdb.DuckDBPyConnection, columns: Sequence[Reference], kind: str) -> list[str]:
    """Every distinct text of the columns that hold keys of ``kind``."""
    parts = []
    for r in columns:
        if r.kind not in (kind, None):
            continue
        where = "" if r.kind else f" AND {r.kind_sql()} = '{kind}'"
        name = identifier(r.column)
        parts.append(
            f"SELECT t.{name} AS raw FROM {identifier(r.system)}.{identifier(r.table)} AS t "
            f"WHERE t.{name} IS NOT NULL{where}"
        )
    if not parts:
        return []
    rows = con.execute(f"SELECT DISTINCT raw FROM ({' UNION ALL '.join(parts)})").fetchall()
    return [row[0] for row in rows]


def _by_key(con: duckdb.DuckDBPyConnection, settings: Settings, key: str) -> set[str]:
    at: str | None = key
    seen: set[str] = set()
    while at is not None and at not in seen:
        seen.add(at)
        row = con.execute(
            "SELECT merged_into FROM identity.registry_ids WHERE customer_id = ?", [at]
        ).fetchone()
        if row is None:
            break
        if row[0] is None:
            return {at}
        at = row[0]
    rows = con.execute(
        "SELECT DISTINCT customer_id FROM identity.registry "
        "WHERE source_system || '.' || source_table || '/' || source_id = ?",
        [key],
    ).fetchall()
    if rows:
        return {row[0] for row in rows}
    found: set[str] = set()
    for kind in ADDRESSES:
        value, _ = normaliser(kind, load_guards(), settings.phone_region)(key)
        if value is not None:
            found |= customers_with(con, kind, value)
    return found


def customers_with(con: duckdb.DuckDBPyConnection, kind: str, value: str) -> set[str]:
    """Customers whose records bear a normalised address; needs :func:`prepare_values`.

    Profiles (contacts, accounts) decide before orders, calls and tickets do.
    """
    rows = con.execute(
        "SELECT DISTINCT customer_id, is_profile FROM who_bearers WHERE kind = ? AND value = ?",
        [kind, value],
    ).fetchall()
    profiles = {customer for customer, is_profile in rows if is_profile}
    return profiles or {customer for customer, _ in rows}


def _guests_with_former_mail(con: duckdb.DuckDBPyConnection, customers: set[str]) -> set[str]:
    """Customers without a profile who bear an e-mail that a profile of ``customers`` alone bore."""
    _table(con, "who_customers", {"customer_id": sorted(customers)})
    rows = con.execute(
        """
        WITH own AS (
            SELECT value FROM who_bearers AS b
            LEFT JOIN who_customers AS w ON w.customer_id = b.customer_id
            WHERE kind = 'email' AND is_profile
            GROUP BY value
            HAVING bool_and(w.customer_id IS NOT NULL)
        )
        SELECT DISTINCT b.customer_id
        FROM who_bearers AS b JOIN own ON own.value = b.value
        WHERE b.kind = 'email' AND b.customer_id NOT IN (
            SELECT customer_id FROM identity.registry
            WHERE source_table IN ('contacts', 'accounts')
        )
        """
    ).fetchall()
    return {row[0] for row in rows}


def _visitors(con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Browsers and devices that were seen with accounts and orders of ``who_customers``, and with
    nobody else's: as the marts have it, orders that are nobody's do not count."""
    rows = con.execute(
        """
        WITH seen AS (
            SELECT visitor_id, 'accounts' AS source_table, account_id AS source_id
            FROM shop.web_events WHERE account_id IS NOT NULL
            UNION
            SELECT visitor_id, CASE WHEN account_id IS NULL THEN 'orders' ELSE 'accounts' END,
                coalesce(account_id, order_id)
            FROM shop.orders WHERE visitor_id IS NOT NULL
        )
        SELECT s.visitor_id
        FROM seen AS s
        JOIN identity.registry AS g ON g.source_system = 'shop'
            AND g.source_table = s.source_table AND g.source_id = s.source_id
        LEFT JOIN who_customers AS w ON w.customer_id = g.customer_id
        GROUP BY s.visitor_id
        HAVING bool_and(w.customer_id IS NOT NULL)
        ORDER BY 1
        """
    ).fetchall()
    return tuple(row[0] for row in rows)


def _with_aliases(con: duckdb.DuckDBPyConnection, customers: set[str]) -> set[str]:
    """``customers`` and every id that was merged into one of them."""
    merged = con.execute(
        "SELECT customer_id, merged_into FROM identity.registry_ids WHERE merged_into IS NOT NULL"
    ).fetchall()
    found = set(customers)
    while True:
        more = {old for old, new in merged if new in found} - found
        if not more:
            return found
        found |= more


def _key_of(reference: Reference) -> str:
    return identifier(
        {"contacts": "contact_id", "accounts": "account_id", "orders": "order_id"}.get(
            reference.table, f"{reference.table.removesuffix('s')}_id"
        )
    )


def _table(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, list[str]]) -> None:
    """A temporary table of text columns."""
    import pyarrow as pa

    table = pa.table({key: pa.array(values, pa.string()) for key, values in columns.items()})
    con.register("who_rows_in", table)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM who_rows_in")
    con.unregister("who_rows_in")
