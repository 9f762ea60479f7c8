"""Which profiles are compared: those that agree on a key of ``linkage.yml``.

A key that many records share says little about anybody, and pairs grow with its square. So each
block has a limit of records per key, ``block_limit`` or the largest of a falling ladder with which
the block gives no more than ``pairs_per_record`` pairs for each profile.
"""

import duckdb

from dagster_project.identity.rules.linkage import Linkage

# Columns that key expressions and the model read, over ``resolution.nodes`` or ``id_nodes``.
COLUMNS = (
    "first_key, first_names, last_key, last_names, "
    "strftime(birth_date, '%Y%m%d') AS birth, national_id, email, phone, loyalty_card, "
    "postal_code, street, house, city, gender"
)


def profiles_of(relation: str, number: str) -> str:
    """Query of the profiles in ``relation`` as key expressions read them, numbered ``rid``."""
    return f"SELECT {number} AS rid, {COLUMNS} FROM {relation} WHERE is_profile"


def keys_of(linkage: Linkage, relation: str, number: str) -> str:
    """Query (rid, block, key) of every key of every profile in ``relation``.

    Keys are hashes: a collision costs one comparison and can link nobody.
    """
    # One scan: a query for each block would read all profiles 25 times.
    values = ", ".join(f"({sql}) AS k{block}" for block, sql in enumerate(linkage.blocks.values()))
    count = len(linkage.blocks)
    keys = ", ".join(f"CASE WHEN k{n} IS NOT NULL THEN hash(k{n}) END" for n in range(count))
    return f"""
        SELECT rid, block, key
        FROM (
            SELECT rid, unnest(range({count})) AS block, unnest([{keys}]) AS key
            FROM (SELECT rid, {values} FROM ({profiles_of(relation, number)}))
        )
        WHERE key IS NOT NULL"""


def block_all(con: duckdb.DuckDBPyConnection, linkage: Linkage) -> None:
    """``id_sizes`` and ``id_keys`` of all profiles.

    ``id_sizes`` (block, records, keys): how many keys of a block so many records share, everything
    above the limit under one number. ``id_keys`` (rid, block, key, records): keys that may pair.
    ``id_crowded`` (block, key): those that more records share than the limit.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_sizes (block INTEGER, records INTEGER, keys BIGINT)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_keys "
        "(rid BIGINT, block UTINYINT, key UBIGINT, records USMALLINT)"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE id_crowded (block INTEGER, key UBIGINT)")
    # Block by block: all keys of a million people at once do not fit into memory.
    for block, expression in enumerate(linkage.blocks.values()):
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE id_block AS
            WITH keyed AS (
                SELECT rid, hash({expression}) AS key
                FROM ({profiles_of("id_nodes", "rid")}) WHERE ({expression}) IS NOT NULL
            )
            SELECT * FROM keyed
            """
        )
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE id_block_keys AS
            SELECT key, least(count(*), {linkage.block_limit + 1}) AS records
            FROM id_block GROUP BY key
            """
        )
        con.execute(
            f"INSERT INTO id_sizes SELECT {block}, records, count(*) FROM id_block_keys "
            "GROUP BY records"
        )
        con.execute(
            f"INSERT INTO id_crowded SELECT {block}, key FROM id_block_keys "
            f"WHERE records > {linkage.block_limit}"
        )
        con.execute(
            f"""
            INSERT INTO id_keys
            SELECT b.rid, {block}, b.key, k.records
            FROM id_block AS b JOIN id_block_keys AS k ON k.key = b.key
            WHERE k.records BETWEEN 2 AND {linkage.block_limit}
            """
        )


def limit_blocks(con: duckdb.DuckDBPyConnection, linkage: Linkage, profiles: int) -> list[int]:
    """``id_limits`` (block, name, records, pairs) from ``id_sizes``; the limits in block order."""
    ladder = [linkage.block_limit]
    while ladder[-1] > 2:
        ladder.append(max(2, ladder[-1] * 3 // 4))
    rungs = ", ".join(f"({rung})" for rung in ladder)
    names = ", ".join(f"({number}, '{name}')" for number, name in enumerate(linkage.blocks))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_limits AS
        WITH counted AS (
            SELECT b.block, b.name, l.records,
                   CAST(coalesce(sum(s.keys * s.records * (s.records - 1) // 2), 0) AS BIGINT)
                       AS pairs
            FROM (VALUES {names}) AS b (block, name)
            CROSS JOIN (VALUES {rungs}) AS l (records)
            LEFT JOIN id_sizes AS s ON s.block = b.block AND s.records <= l.records
            GROUP BY b.block, b.name, l.records
        )
        SELECT block, name, max(records) AS records, max(pairs) AS pairs
        FROM counted
        WHERE records = 2 OR pairs <= {linkage.pairs_per_record} * {profiles}
        GROUP BY block, name
        """
    )
    rows = con.execute("SELECT records FROM id_limits ORDER BY block").fetchall()
    return [row[0] for row in rows]


def crowd_keys(con: duckdb.DuckDBPyConnection) -> None:
    """Add to ``id_crowded`` what the limits of :func:`limit_blocks` leave out of ``id_keys``."""
    con.execute(
        "INSERT INTO id_crowded SELECT DISTINCT k.block, k.key FROM id_keys AS k "
        "JOIN id_limits AS l ON l.block = k.block AND k.records > l.records"
    )


PAIRS_OF_KEYS = """
    SELECT DISTINCT l.rid AS a, r.rid AS b
    FROM id_keys AS l
    JOIN id_limits AS m ON m.block = l.block AND l.records <= m.records
    JOIN id_keys AS r ON r.block = l.block AND r.key = l.key AND r.rid > l.rid
"""
