"""Blocking: which profiles are compared, namely those that agree on a key of ``linkage.yml``.

A key that many records share says little about anybody, and pairs grow with its square. So each
block has a limit of records per key: ``block_limit``, or, unless the block is a narrow one, the
largest of a falling ladder with which it gives no more than ``pairs_per_record`` pairs a profile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from dagster_project.identity.frames import Frame, make, make_empty
from dagster_project.identity.rules.linkage import Linkage

# Columns that key expressions and the model read, over nodes.
COLUMNS = (
    "first_key, first_names, last_key, last_names, patronymic, birth, national_id, email, phone, "
    "loyalty_card, postal_code, street, house, flat, city, gender"
)
# Keys that are held at once, in some tens of bytes each.
_KEYS_AT_ONCE = 1_000_000


def profiles_of(relation: str | Frame, number: str) -> str:
    """Query of the profiles in ``relation`` as key expressions read them, numbered ``rid``."""
    return f"SELECT {number} AS rid, {COLUMNS} FROM {relation} WHERE is_profile"


def keys_of(
    linkage: Linkage, relation: str | Frame, number: str, blocks: Sequence[int] = ()
) -> str:
    """Query (rid, block, key) of every key of every profile in ``relation``, in ``blocks`` or all.

    Keys are hashes: a collision costs one comparison and can link nobody.
    """
    blocks = blocks or range(len(linkage.blocks))
    expressions = list(linkage.blocks.values())
    # One scan: a query for each block would read all profiles 25 times.
    values = ", ".join(f"({expressions[block]}) AS k{block}" for block in blocks)
    keys = ", ".join(f"CASE WHEN k{n} IS NOT NULL THEN hash(k{n}) END" for n in blocks)
    return f"""
        SELECT rid, block, key
        FROM (
            SELECT rid, unnest({list(blocks)}) AS block, unnest([{keys}]) AS key
            FROM (SELECT rid, {values} FROM ({profiles_of(relation, number)}))
        )
        WHERE key IS NOT NULL"""


@dataclass(frozen=True)
class Blocks:
    """``sizes``: how many keys of a block so many records share, everything above the limit under
    one number; ``keys``: those that may pair; ``oversized``: those that more records share.
    """

    sizes: Frame
    keys: Frame
    oversized: Frame
    limits: Frame


def block_all(
    con: duckdb.DuckDBPyConnection, linkage: Linkage, nodes: Frame, profiles: int
) -> Blocks:
    """Blocks of all profiles in ``nodes``, of which there are ``profiles``."""
    sizes = make_empty(con, "block_sizes")
    keys = make_empty(con, "block_keys")
    oversized = make_empty(con, "oversized_keys")
    # So many blocks at once as fit into memory: one by one of a million people, all of a thousand.
    together = max(1, _KEYS_AT_ONCE // max(profiles, 1))
    for first in range(0, len(linkage.blocks), together):
        blocks = range(first, min(first + together, len(linkage.blocks)))
        con.execute(
            "CREATE OR REPLACE TEMP TABLE id_block AS "
            + keys_of(linkage, nodes, "rid", blocks=blocks)
        )
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE id_block_keys AS
            SELECT block, key, least(count(*), {linkage.block_limit + 1}) AS records
            FROM id_block GROUP BY block, key
            """
        )
        con.execute(
            f"INSERT INTO {sizes} SELECT block, records, count(*) FROM id_block_keys "
            "GROUP BY block, records"
        )
        con.execute(
            f"INSERT INTO {oversized} SELECT block, key FROM id_block_keys "
            f"WHERE records > {linkage.block_limit}"
        )
        con.execute(
            f"""
            INSERT INTO {keys}
            SELECT b.rid, b.block, b.key, k.records
            FROM id_block AS b JOIN id_block_keys AS k ON k.block = b.block AND k.key = b.key
            WHERE k.records BETWEEN 2 AND {linkage.block_limit}
            """
        )
    limits = limit_blocks(con, linkage, sizes, profiles)
    con.execute(
        f"INSERT INTO {oversized} SELECT DISTINCT k.block, k.key FROM {keys} AS k "
        f"JOIN {limits} AS l ON l.block = k.block AND k.records > l.records"
    )
    return Blocks(sizes, keys, oversized, limits)


def limit_blocks(
    con: duckdb.DuckDBPyConnection, linkage: Linkage, sizes: Frame, profiles: int
) -> Frame:
    """The limit of records per key, and the pairs that it leaves, of each block."""
    ladder = [linkage.block_limit]
    while ladder[-1] > 2:
        ladder.append(max(2, ladder[-1] * 3 // 4))
    rungs = ", ".join(f"({rung})" for rung in ladder)
    budget = linkage.pairs_per_record * profiles
    names = ", ".join(
        f"({number}, '{name}', {'NULL' if name in linkage.narrow_blocks else budget})"
        for number, name in enumerate(linkage.blocks)
    )
    return make(
        con,
        "block_limits",
        f"""
        WITH counted AS (
            SELECT b.block, b.name, any_value(b.budget) AS budget, l.records,
                   CAST(coalesce(sum(s.keys * s.records * (s.records - 1) // 2), 0) AS BIGINT)
                       AS pairs
            FROM (VALUES {names}) AS b (block, name, budget)
            CROSS JOIN (VALUES {rungs}) AS l (records)
            LEFT JOIN {sizes} AS s ON s.block = b.block AND s.records <= l.records
            GROUP BY b.block, b.name, l.records
        )
        SELECT block, name, max(records) AS records, max(pairs) AS pairs
        FROM counted
        WHERE records = 2 OR budget IS NULL OR pairs <= budget
        GROUP BY block, name
        """,
    )


def limits_in_order(con: duckdb.DuckDBPyConnection, limits: Frame) -> tuple[int, ...]:
    """The limits of :func:`limit_blocks` in the order of the blocks."""
    rows = con.execute(f"SELECT records FROM {limits} ORDER BY block").fetchall()
    return tuple(row[0] for row in rows)


def pairs_of(keys: str | Frame, limits: Frame) -> str:
    """Query (a, b) of the pairs of profiles that agree on one of ``keys`` within the limits."""
    return f"""
        SELECT DISTINCT l.rid AS a, r.rid AS b
        FROM {keys} AS l
        JOIN {limits} AS m ON m.block = l.block AND l.records <= m.records
        JOIN {keys} AS r ON r.block = l.block AND r.key = l.key AND r.rid > l.rid"""
