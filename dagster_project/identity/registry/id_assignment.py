"""Id assignment: which customer each cluster of records is, by who its records were before.

The rules (design, "customer_id"): an id is minted once and opaque. When clusters of two ids become
one, the older id survives and the other becomes its alias. When an id's records fall apart along
the line of a recorded merge, each part gets back the id it had and the alias is withdrawn;
otherwise the part with the most profiles (ties: the most records, then the oldest) keeps the id and
the others get new ones: a person takes the id along when a telephone, with its calls, stays behind.
Calls that come to somebody by a telephone alone do not bring the id of whoever had it before.
"""

import base64
import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import pyarrow as pa

from dagster_project.identity.frames import Frame, create_table, make, make_from
from dagster_project.identity.registry.former_ids import Part, claim_former_ids, contested_ids
from dagster_project.identity.registry.tables import hash_key

# Decades of merges and splits of one record; past this the oldest are not undone one by one.
_LONGEST_TRAIL = 20

_KEY = "source_system, source_table, source_id"


@dataclass
class Decision:
    """What becomes of the contested clusters and ids."""

    owner: dict[int, str] = field(default_factory=dict)
    merged: list[tuple[str, str]] = field(default_factory=list)
    restored: list[tuple[str, str]] = field(default_factory=list)
    # A cluster and the id that its records had, which another part keeps.
    left: list[tuple[int, str]] = field(default_factory=list)


def keyed_hash(key: bytes, text: str) -> str:
    """24 characters of base32 (120 bits): nobody without the key can compute or confirm it."""
    digest = hashlib.blake2b(text.encode(), key=key, digest_size=15).digest()
    return base64.b32encode(digest).decode().lower()


def decide(claims: dict[str, list[Part]], age: dict[str, int]) -> Decision:
    """Give contested ids to clusters. ``age``: mint number per id (small is old), aliases too."""
    decision = Decision()
    granted: dict[int, list[str]] = defaultdict(list)
    for old in sorted(claims, key=age.__getitem__):
        _divide(old, claims[old], 0, age, granted, decision, top=old)
    clusters = {part.cluster for parts in claims.values() for part in parts}
    for cluster in sorted(clusters):
        ids = sorted(granted.get(cluster, ()), key=age.__getitem__)
        if not ids:
            continue
        decision.owner[cluster] = ids[0]
        decision.merged.extend((lost, ids[0]) for lost in ids[1:])
    return decision


def _divide(
    name: str,
    parts: list[Part],
    depth: int,
    age: dict[str, int],
    granted: dict[int, list[str]],
    decision: Decision,
    *,
    top: str,
) -> None:
    """Give ``name`` to one of ``parts``; ``depth`` counts the merges already undone."""
    if len(parts) > 1 and depth < _LONGEST_TRAIL:
        groups = _by_home(name, parts, depth)
        if len(groups) > 1:
            for homes, group in groups:
                home = name if name in homes else min(homes, key=age.__getitem__)
                if home != name:
                    decision.restored.append((top, home))
                _divide(home, group, depth + (home != name), age, granted, decision, top=top)
            return
    heir = min(parts, key=lambda part: (-part.profiles, -part.records, part.oldest))
    granted[heir.cluster].append(name)
    decision.left.extend((part.cluster, name) for part in parts if part is not heir)


def _by_home(name: str, parts: list[Part], depth: int) -> list[tuple[set[str], list[Part]]]:
    """Parts grouped so that records which once had the same id are together."""
    groups: list[tuple[set[str], list[Part]]] = []
    for part in parts:
        homes = {trail[depth] if len(trail) > depth else name for trail in part.trails}
        joined = [group for group in groups if group[0] & homes]
        merged = (set(homes), [part])
        for group in joined:
            merged[0].update(group[0])
            merged[1].extend(group[1])
            groups.remove(group)
        groups.append(merged)
    return groups


@dataclass(frozen=True)
class Assignment:
    """Who is which customer, and what :func:`record` writes.

    ``owners``: the id of every cluster; ``reassigned``: records whose id is another than the
    registry's; ``changes``: (old, new, kind, cause).
    """

    owners: Frame
    minted: Frame
    reassigned: Frame
    changes: list[tuple[str, str, str, str]]
    decision: Decision


def assign(
    con: duckdb.DuckDBPyConnection,
    nodes: Frame,
    clustered: Frame,
    members: Frame,
    decided: set[int],
) -> Assignment:
    """Give every cluster its id; the registry is only read.

    ``decided``: clusters whose changes come from a person's decision.
    """
    found = claim_former_ids(con, nodes, clustered, members)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_counted AS
        SELECT *, count(*) OVER (PARTITION BY cluster) AS ids,
               count(*) OVER (PARTITION BY customer_id) AS clusters
        FROM {found.claims}
        """
    )
    owners = make(
        con,
        "owners",
        "SELECT cluster, customer_id FROM id_counted WHERE ids = 1 AND clusters = 1",
    )
    contested = make(
        con,
        "contested",
        f"SELECT * FROM {found.claims} WHERE cluster NOT IN (SELECT cluster FROM {owners})",
    )
    decision = decide(*contested_ids(con, nodes, clustered, contested))
    _insert_owners(con, owners, list(decision.owner.items()))
    minted = _mint(con, nodes, clustered, owners)
    con.execute(f"INSERT INTO {owners} SELECT cluster, customer_id FROM {minted}")
    owner_of = dict(
        con.execute(
            f"SELECT o.cluster, o.customer_id FROM {owners} AS o "
            "WHERE cluster IN "
            f"(SELECT cluster FROM {contested} UNION ALL SELECT cluster FROM {found.disclaimed})"
        ).fetchall()
    )
    disclaimed = con.execute(f"SELECT cluster, customer_id FROM {found.disclaimed}").fetchall()
    changes = [(old, home, "split", "undo") for old, home in decision.restored]
    changes += [(lost, kept, "merge", "") for lost, kept in decision.merged]
    changes += [
        (old, owner_of[cluster], "split", "")
        for cluster, old in sorted(decision.left + disclaimed)
        if owner_of[cluster] != old
    ]
    overridden = {customer for cluster, customer in owner_of.items() if cluster in decided}
    reassigned = _compare(con, nodes, clustered, owners)
    return Assignment(owners, minted, reassigned, _explained(changes, overridden), decision)


def _insert_owners(
    con: duckdb.DuckDBPyConnection, owners: Frame, decided: list[tuple[int, str]]
) -> None:
    if decided:
        create_table(
            con,
            "id_new_owner",
            {"cluster": [row[0] for row in decided], "customer_id": [row[1] for row in decided]},
        )
        con.execute(f"INSERT INTO {owners} SELECT * FROM id_new_owner")


def _mint(con: duckdb.DuckDBPyConnection, nodes: Frame, clustered: Frame, owners: Frame) -> Frame:
    """New ids for clusters without one, the first seen first."""
    founders = con.execute(
        f"""
        WITH founders AS (
            SELECT f.cluster,
                   min((coalesce(n.seen_at, TIMESTAMP '9999-01-01'), n.rid)) AS seen
            FROM {clustered} AS f JOIN {nodes} AS n ON n.rid = f.rid
            WHERE f.cluster NOT IN (SELECT cluster FROM {owners})
            GROUP BY f.cluster
        ),
        numbered AS (
            SELECT cluster, seen[2] AS rid, row_number() OVER (ORDER BY seen)
                   + (SELECT coalesce(max(mint_number), 0) FROM identity.registry_ids) AS number
            FROM founders
        )
        SELECT m.cluster, m.number,
               concat_ws(chr(31), n.source_system, n.source_table, n.source_id, m.number) AS text
        FROM numbered AS m JOIN {nodes} AS n ON n.rid = m.rid
        """
    ).to_arrow_table()
    key = hash_key(con)
    ids = [
        pa.array([keyed_hash(key, text) for text in chunk.to_pylist()], pa.string())
        for chunk in founders["text"].chunks
    ]
    return make_from(
        con,
        "minted",
        {
            "cluster": founders["cluster"],
            "customer_id": pa.chunked_array(ids, pa.string()),
            "mint_number": founders["number"],
        },
    )


def _compare(
    con: duckdb.DuckDBPyConnection, nodes: Frame, clustered: Frame, owners: Frame
) -> Frame:
    """Records whose customer is another than the registry says."""
    return make(
        con,
        "reassigned",
        f"""
        SELECT n.source_system, n.source_table, n.source_id, o.customer_id,
               g.customer_id AS former_customer_id
        FROM {clustered} AS f
        JOIN {owners} AS o ON o.cluster = f.cluster
        JOIN {nodes} AS n ON n.rid = f.rid
        LEFT JOIN identity.registry AS g
          ON g.source_system = n.source_system AND g.source_table = n.source_table
         AND g.source_id = n.source_id
        WHERE g.customer_id IS DISTINCT FROM o.customer_id
        """,
    )


def _explained(
    changes: list[tuple[str, str, str, str]], overridden: set[str]
) -> list[tuple[str, str, str, str]]:
    reasons = {
        ("merge", False): "Their records were found to be one person's.",
        ("split", False): "The links that held the records together no longer hold.",
        ("split", True): "A recorded merge was undone: the part has its former id again.",
    }
    found = []
    for old, new, kind, note in changes:
        cause = reasons[kind, note != ""]
        if {old, new} & overridden:
            kind, cause = "override", f"A person decided. {cause}"
        found.append((old, new, kind, cause))
    return found


def record(
    con: duckdb.DuckDBPyConnection,
    now: datetime,
    assignment: Assignment,
    nodes: Frame,
    clustered: Frame,
) -> None:
    """Write new ids, changes, aliases, trail and the registry's rows."""
    reassigned = assignment.reassigned
    con.execute(
        "INSERT INTO identity.registry_ids "
        f"SELECT customer_id, ?, mint_number, NULL FROM {assignment.minted}",
        [now],
    )
    # All at once: a source that comes late can join tens of thousands, at 1 ms and more each.
    changes = assignment.changes
    texts = {
        name: pa.array([change[place] for change in changes], pa.string())
        for place, name in enumerate(("old", "new", "kind", "cause"))
    }
    create_table(con, "id_changes_now", texts)
    con.execute(
        "INSERT INTO identity.id_changes SELECT old, new, ?, kind, cause FROM id_changes_now", [now]
    )
    aliases: dict[str, str | None] = {home: None for _, home in assignment.decision.restored}
    aliases |= dict(assignment.decision.merged)
    create_table(
        con,
        "id_aliases",
        {
            "lost": pa.array(list(aliases), pa.string()),
            "kept": pa.array(list(aliases.values()), pa.string()),
        },
    )
    con.execute(
        "UPDATE identity.registry_ids SET merged_into = kept FROM id_aliases "
        "WHERE customer_id = lost"
    )
    con.execute(
        f"""
        INSERT INTO identity.registry_trail
        SELECT source_system, source_table, source_id, former_customer_id, customer_id, ?
        FROM {reassigned} WHERE former_customer_id IS NOT NULL
        """,
        [now],
    )
    con.execute(
        f"""
        DELETE FROM identity.registry AS g USING {reassigned} AS n
        WHERE n.former_customer_id IS NOT NULL AND g.source_system = n.source_system
          AND g.source_table = n.source_table AND g.source_id = n.source_id
        """
    )
    con.execute(
        "INSERT INTO identity.registry "
        f"SELECT source_system, source_table, source_id, customer_id, ? FROM {reassigned}",
        [now],
    )
    _move_absent(con, now, assignment.decision, nodes, clustered)


def _move_absent(
    con: duckdb.DuckDBPyConnection,
    now: datetime,
    decision: Decision,
    nodes: Frame,
    clustered: Frame,
) -> None:
    """Records that are gone, and may come back, follow the id that they had.

    Otherwise one of them brings an alias back into force, or an id that others have got back.
    """
    moves = [(lost, kept, None) for lost, kept in decision.merged]
    moves += [(old, home, home) for old, home in decision.restored]
    if not moves:
        return
    create_table(
        con,
        "id_moves",
        {
            "customer_id": pa.array([move[0] for move in moves], pa.string()),
            "becomes": pa.array([move[1] for move in moves], pa.string()),
            "former": pa.array([move[2] for move in moves], pa.string()),
        },
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_absent AS
        SELECT g.source_system, g.source_table, g.source_id, g.customer_id, m.becomes
        FROM identity.registry AS g
        JOIN id_moves AS m ON m.customer_id = g.customer_id
        LEFT JOIN (
            SELECT {_KEY}, arg_max(former_customer_id, changed_at) AS former
            FROM identity.registry_trail GROUP BY {_KEY}
        ) AS t USING ({_KEY})
        WHERE (m.former IS NULL OR m.former = t.former)
          AND ({_KEY}) NOT IN (
              SELECT {_KEY} FROM {nodes} SEMI JOIN {clustered} USING (rid)
          )
        """
    )
    con.execute(f"DELETE FROM identity.registry WHERE ({_KEY}) IN (SELECT {_KEY} FROM id_absent)")
    con.execute(f"INSERT INTO identity.registry SELECT {_KEY}, becomes, ? FROM id_absent", [now])
    con.execute(
        "INSERT INTO identity.registry_trail "
        f"SELECT {_KEY}, customer_id, becomes, ? FROM id_absent",
        [now],
    )
