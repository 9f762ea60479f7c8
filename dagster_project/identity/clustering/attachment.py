"""Attachment: orders, calls and tickets go to the person whose identifiers they carry.

Such a record describes nobody, so it never joins two people. It follows its reference, or the
first of its identifiers, in the order of the guards' priority, that belongs to exactly one person.
Records whose identifiers belong to no profile make guests of their own. A record that carries only
what several people share stays with nobody: guessing would be right half of the time.
"""

import duckdb
import numpy as np
import pyarrow as pa

from dagster_project.identity.clustering.connected_components import components
from dagster_project.identity.frames import Frame, create_table, make_empty
from dagster_project.identity.records.identifiers import Records
from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.nicknames import Nicknames
from dagster_project.identity.rules.normalisation import mailbox_keys

# How far an identifier that only orders and calls carry passes an owner on. Two steps cover an
# order with a known e-mail and a new phone, then calls from that phone; more would be hearsay.
_STEPS = 2


def attach(
    con: duckdb.DuckDBPyConnection,
    guards: Guards,
    nicknames: Nicknames,
    records: Records,
    members: Frame,
) -> Frame:
    """Every record that is no profile and whose owner is certain, with its cluster.

    ``members``: the cluster of each profile.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_priority AS SELECT unnest($1) AS kind, "
        "unnest(range(len($1))) AS rank",
        [list(guards.priority)],
    )
    attached = make_empty(con, "attached")
    for _ in range(1 + _STEPS):
        _owners(con, records, members, attached)
        before = _count(con, attached)
        _attach_to_owners(con, records, attached)
        _attach_by_phone_and_name(con, nicknames, records, members, attached)
        if _count(con, attached) == before:
            break
    _guests(
        con,
        records,
        attached,
        "kind <> 'phone'",
        "email IS NOT NULL OR loyalty_card IS NOT NULL "
        "OR national_id IS NOT NULL OR account_id IS NOT NULL OR contact_id IS NOT NULL",
    )
    _owners(con, records, members, attached)
    _attach_to_owners(con, records, attached)
    _guests(con, records, attached, "kind = 'phone'", "phone IS NOT NULL")
    return attached


def _count(con: duckdb.DuckDBPyConnection, attached: Frame) -> int:
    row = con.execute(f"SELECT count(*) FROM {attached}").fetchone()
    return row[0] if row else 0


def _owners(
    con: duckdb.DuckDBPyConnection, records: Records, members: Frame, attached: Frame
) -> None:
    """``id_owners`` (vid, cluster, owners): profiles own a value; without any, attached records.

    A high-degree value is several people's, whoever of them is here.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_owners AS
        WITH claims AS (
            SELECT b.vid, m.cluster, true AS by_profile
            FROM {records.bearers} AS b JOIN {members} AS m ON m.rid = b.rid
            UNION ALL
            SELECT b.vid, t.cluster, false
            FROM {records.bearers} AS b JOIN {attached} AS t ON t.rid = b.rid
            UNION ALL
            SELECT vid, unnest([-1, -2]), true FROM {records.shared_values}
            WHERE degree IS NOT NULL
        ),
        strongest AS (
            SELECT vid, bool_or(by_profile) AS by_profile FROM claims GROUP BY vid
        )
        SELECT c.vid, min(c.cluster) AS cluster, count(DISTINCT c.cluster) AS owners
        FROM claims AS c
        JOIN strongest AS s ON s.vid = c.vid AND s.by_profile = c.by_profile
        GROUP BY c.vid
        """
    )


def _attach_to_owners(con: duckdb.DuckDBPyConnection, records: Records, attached: Frame) -> None:
    """An e-mail outranks a phone, also when it is nobody's yet: households share phones."""
    con.execute(
        f"""
        INSERT INTO {attached}
        WITH candidates AS (
            SELECT b.rid, p.rank, b.kind, o.cluster
            FROM {records.bearers} AS b
            JOIN id_owners AS o ON o.vid = b.vid AND o.owners = 1
            JOIN id_priority AS p ON p.kind = b.kind
            JOIN {records.nodes} AS n ON n.rid = b.rid
            WHERE NOT b.is_profile
              AND b.rid NOT IN (SELECT rid FROM {attached})
              AND (b.kind <> 'phone' OR n.email IS NULL)
        )
        SELECT rid, arg_min(cluster, rank), arg_min(kind, rank) FROM candidates GROUP BY rid
        """
    )


def _attach_by_phone_and_name(
    con: duckdb.DuckDBPyConnection,
    nicknames: Nicknames,
    records: Records,
    members: Frame,
    attached: Frame,
) -> None:
    """An order with an e-mail that nobody has goes to the owner of its phone whose name it bears.

    That is what a changed e-mail looks like; a relative's mailbox bears another first name. Beside
    a family name stands how the first name begins: k.evans may be Katherine's, kelly.evans is not.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_unknown_mail AS
        SELECT b.rid, n.email, o.cluster
        FROM {records.bearers} AS b
        JOIN id_owners AS o ON o.vid = b.vid AND o.owners = 1
        JOIN {records.nodes} AS n ON n.rid = b.rid
        WHERE NOT b.is_profile AND b.kind = 'phone' AND n.email IS NOT NULL
          AND b.rid NOT IN (SELECT rid FROM {attached})
          AND b.rid NOT IN (
              SELECT e.rid FROM {records.bearers} AS e JOIN id_owners AS k ON k.vid = e.vid
              WHERE e.kind IN ('email', 'loyalty_card')
          )
        """
    )
    addresses = [
        row[0] for row in con.execute("SELECT DISTINCT email FROM id_unknown_mail").fetchall()
    ]
    keys = [mailbox_keys(address, nicknames) for address in addresses]
    create_table(
        con,
        "id_mailboxes",
        {
            "email": pa.array(addresses, pa.string()),
            "mailbox": pa.array([key for key, _ in keys], pa.string()),
            "names": pa.array([list(names) for _, names in keys], pa.list_(pa.string())),
        },
    )
    con.execute(
        f"""
        INSERT INTO {attached}
        SELECT u.rid, u.cluster, 'phone_and_name'
        FROM id_unknown_mail AS u
        JOIN id_mailboxes AS x ON x.email = u.email
        JOIN {members} AS m ON m.cluster = u.cluster
        JOIN {records.nodes} AS p ON p.rid = m.rid
        WHERE length(p.first_key) >= 3 AND (
            contains(x.mailbox, p.first_key) OR list_has_any(x.names, p.first_names)
            OR (contains(x.mailbox, p.last_key) AND x.mailbox <> p.last_key
                AND starts_with(p.first_key, replace(x.mailbox, p.last_key, '')))
        )
        GROUP BY u.rid, u.cluster
        """
    )


def _guests(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    attached: Frame,
    kinds: str,
    bears_own: str,
) -> None:
    """New people out of the records left over, joined by values (of ``kinds``) that nobody owns.

    A record with a value of its own that no other record bears (``bears_own`` without a row among
    the bearers) is a person too; one whose every such value is shared by several people is not.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_left AS
        SELECT n.rid, row_number() OVER (ORDER BY n.rid) - 1 AS number
        FROM {records.nodes} AS n
        WHERE NOT n.is_profile AND ({bears_own})
          AND n.rid NOT IN (SELECT rid FROM {attached})
          AND n.rid NOT IN (
              SELECT b.rid FROM {records.bearers} AS b JOIN id_owners AS o ON o.vid = b.vid
              WHERE o.owners > 1 AND NOT b.is_profile AND {kinds.replace("kind", "b.kind")}
          )
        """
    )
    edges = con.execute(
        f"""
        WITH shared AS (
            SELECT l.number, b.vid,
                   min(l.number) OVER (PARTITION BY b.vid) AS hub
            FROM id_left AS l JOIN {records.bearers} AS b ON b.rid = l.rid
            WHERE {kinds.replace("kind", "b.kind")} AND b.vid NOT IN (SELECT vid FROM id_owners)
        )
        SELECT number, hub FROM shared WHERE number <> hub
        """
    ).fetchnumpy()
    size_row = con.execute("SELECT count(*) FROM id_left").fetchone()
    size = size_row[0] if size_row else 0
    labels = components(size, edges["number"], edges["hub"])
    create_table(con, "id_guest_labels", {"number": np.arange(size), "label": labels})
    con.execute(
        f"""
        INSERT INTO {attached}
        SELECT l.rid, h.rid, 'guest'
        FROM id_guest_labels AS d
        JOIN id_left AS l ON l.number = d.number
        JOIN id_left AS h ON h.number = d.label
        """
    )
