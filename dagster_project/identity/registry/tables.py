"""Tables of identity: those that it owns, and the ones that must outlive the warehouse.

Everything here can be rebuilt from the extracts except :data:`REGISTRY_TABLES`: who was given which
id, when, and under which key. Those are part of every published version (restricted) and come back
from there (``in_force``).
"""

import secrets

import duckdb

TABLES = {
    "assignments": """
        source_system VARCHAR, source_table VARCHAR, source_id VARCHAR, customer_id VARCHAR,
        method VARCHAR, probability DOUBLE, linked_at TIMESTAMP, public_source_id VARCHAR""",
    "identifiers": """
        identifier_kind VARCHAR, raw_value VARCHAR, normalised_value VARCHAR, is_blocked BOOLEAN,
        block_reason VARCHAR, customer_id VARCHAR""",
    "customers": """
        customer_id VARCHAR, minted_at TIMESTAMP, record_count BIGINT, resolved_at TIMESTAMP""",
    "guard_stops": """
        guard VARCHAR, identifier_kind VARCHAR, identifier_hash VARCHAR, record_count BIGINT,
        customer_count BIGINT, reason VARCHAR""",
    "links": """
        left_system VARCHAR, left_table VARCHAR, left_id VARCHAR, right_system VARCHAR,
        right_table VARCHAR, right_id VARCHAR, rule VARCHAR, probability DOUBLE,
        customer_id VARCHAR, weight DOUBLE, bits_first_name DOUBLE, bits_last_name DOUBLE,
        bits_birth_date DOUBLE, bits_national_id DOUBLE, bits_email DOUBLE, bits_phone DOUBLE,
        bits_loyalty_card DOUBLE, bits_address DOUBLE, bits_gender DOUBLE,
        bits_patronymic DOUBLE""",
    "review": """
        left_system VARCHAR, left_table VARCHAR, left_id VARCHAR, right_system VARCHAR,
        right_table VARCHAR, right_id VARCHAR, probability DOUBLE, reason VARCHAR""",
    "blocks": "block VARCHAR, pairs BIGINT",
    "overrides": """
        kind VARCHAR, left_record VARCHAR, right_record VARCHAR, who VARCHAR, why VARCHAR,
        decided_at TIMESTAMP""",
    "normalised": """
        identifier_kind VARCHAR, raw_value VARCHAR, normalised_value VARCHAR, block_reason VARCHAR,
        rules_hash VARCHAR""",
    "metrics": "metric VARCHAR, value DOUBLE",
    "registry": """
        source_system VARCHAR, source_table VARCHAR, source_id VARCHAR, customer_id VARCHAR,
        linked_at TIMESTAMP""",
    "registry_ids": """
        customer_id VARCHAR, minted_at TIMESTAMP, mint_number BIGINT, merged_into VARCHAR""",
    "registry_trail": """
        source_system VARCHAR, source_table VARCHAR, source_id VARCHAR, former_customer_id VARCHAR,
        customer_id VARCHAR, changed_at TIMESTAMP""",
    "id_changes": """
        old_customer_id VARCHAR, new_customer_id VARCHAR, changed_at TIMESTAMP, kind VARCHAR,
        cause VARCHAR""",
    "secrets": "hash_key VARCHAR",
}

# What the last resolution leaves for the next one, which then looks at changes only (increment). It
# can be lost at any time: everything is resolved then. ``resolution.nodes`` stands beside these and
# is made anew with every resolution of everything.
KEPT_TABLES = {
    "parameters": "version VARCHAR, probability DOUBLE, limits INTEGER[], errors VARCHAR",
    "places": "node BIGINT, component BIGINT, companions BIGINT, customer_id VARCHAR",
    "frequencies": "field VARCHAR, value VARCHAR, step INTEGER",
    "overrides": TABLES["overrides"],
    "block_sizes": "block INTEGER, records INTEGER, keys BIGINT",
    "oversized_keys": "block INTEGER, key UBIGINT",
    "high_degree": "kind VARCHAR, value VARCHAR, profiles BIGINT",
    "guard_events": """
        component BIGINT, guard VARCHAR, identifier_kind VARCHAR, value VARCHAR,
        record_count BIGINT, customer_count BIGINT, reason VARCHAR""",
}

# What readers of the identity step build on, with what each row is.
IDENTITY_TABLES = {
    "assignments": "One row per record that belongs to a customer, with what ties it.",
    "identifiers": "Every distinct raw e-mail, phone, card and national id, one form, owner.",
    "customers": "One row per customer in force.",
    "id_changes": "Every customer id that gave way to another, with the cause.",
    "guard_stops": "What a guard kept from joining people; values are hashed.",
    "links": "Pairs of contacts and accounts that were found to be one person, with the rule.",
    "review": "Pairs of contacts and accounts that a person should decide on.",
    "blocks": "Candidate pairs that each blocking key gave to the probabilistic links.",
    "metrics": "Counts of this resolution: records, people, links per rule.",
}

# Who was given which id; what else a registry needs is the key of its hashes and the decisions.
ID_TABLES = ("registry", "registry_ids", "registry_trail", "id_changes")
REGISTRY_TABLES = (*ID_TABLES, "secrets", "overrides")


def create_identity_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create every ``identity.*`` table that is missing, empty; the hash key is drawn once."""
    for schema, tables in (("identity", TABLES), ("resolution", KEPT_TABLES)):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for name, columns in tables.items():
            con.execute(f"CREATE TABLE IF NOT EXISTS {schema}.{name} ({columns})")
    # A warehouse of an earlier version.
    con.execute("ALTER TABLE identity.customers ADD COLUMN IF NOT EXISTS resolved_at TIMESTAMP")
    con.execute("ALTER TABLE identity.links ADD COLUMN IF NOT EXISTS bits_patronymic DOUBLE")
    con.execute("ALTER TABLE resolution.parameters ADD COLUMN IF NOT EXISTS errors VARCHAR")


def hash_key(con: duckdb.DuckDBPyConnection) -> bytes:
    """The registry's secret key (32 bytes), drawn at random when there is none yet."""
    row = con.execute("SELECT hash_key FROM identity.secrets").fetchone()
    if row is None:
        key = secrets.token_hex(32)
        con.execute("INSERT INTO identity.secrets VALUES (?)", [key])
        return bytes.fromhex(key)
    return bytes.fromhex(row[0])


def forget_resolution(con: duckdb.DuckDBPyConnection) -> None:
    """Let the next resolution look at every record again, whatever changed."""
    create_identity_tables(con)
    con.execute("DELETE FROM resolution.parameters")


def is_registry_empty(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether no id was ever given in this warehouse: it is new, or was lost."""
    row = con.execute("SELECT count(*) FROM identity.registry_ids").fetchone()
    return row is None or row[0] == 0
