"""Who of an audience's members hears something: comparison groups, consent, addresses and caps.

Each rule works on temporary tables that :mod:`membership` makes and leaves one behind: ``a_held``
after :func:`hold_out`, ``a_judged`` after :func:`leave_out`.
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb

from dagster_project.activation.definitions import ADDRESS_OF, CONSENT_OF, Audience, Cap
from dagster_project.contracts import read_yaml

CAPS_PATH = Path(__file__).resolve().parent / "caps.yml"


def global_cap(path: Path = CAPS_PATH) -> Cap:
    """The cap over all audiences."""
    return Cap.model_validate(read_yaml(path))


def held_out(key: bytes, audience: str, customer_id: str, share: float) -> bool:
    """Whether a customer is in an audience's comparison group: the same in every build.

    A keyed hash, so that nobody can be placed in it from outside, and groups of two audiences are
    independent of each other.
    """
    if not share:
        return False
    text = f"hold-out\x1f{audience}\x1f{customer_id}".encode()
    digest = hashlib.blake2b(text, key=key, digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def hold_out(con: duckdb.DuckDBPyConnection, audiences: Mapping[str, Audience], key: bytes) -> None:
    """``a_held``: the comparison groups. Who was in one before stays in it, as after a merge."""
    rows = con.execute("SELECT audience, customer_id FROM a_members ORDER BY ALL").fetchall()
    held = [
        (audience, customer)
        for audience, customer in rows
        if held_out(key, audience, customer, audiences[audience].hold_out)
    ]
    con.execute("CREATE OR REPLACE TEMP TABLE a_held (audience VARCHAR, customer_id VARCHAR)")
    if held:
        import pyarrow as pa

        table = pa.table(
            {"audience": [row[0] for row in held], "customer_id": [row[1] for row in held]}
        )
        con.register("a_held_in", table)
        con.execute("INSERT INTO a_held SELECT * FROM a_held_in")
        con.unregister("a_held_in")
    con.execute(
        "INSERT INTO a_held SELECT DISTINCT f.audience, f.customer_id FROM a_former AS f "
        "SEMI JOIN a_members AS m ON f.audience = m.audience AND f.customer_id = m.customer_id "
        "ANTI JOIN a_held AS h ON f.audience = h.audience AND f.customer_id = h.customer_id "
        "WHERE f.is_held_out"
    )


def leave_out(con: duckdb.DuckDBPyConnection, as_of: date, cap: Cap) -> None:
    """``a_judged``: members with why nothing is sent to them; consent is that of this build."""
    consent = " ".join(
        f"WHEN m.purpose = '{purpose}' THEN coalesce(c.{column}, false)"
        for purpose, column in CONSENT_OF.items()
    )
    address = " ".join(
        f"WHEN m.medium = '{medium}' THEN k.{column} IS NOT NULL"
        for medium, column in ADDRESS_OF.items()
        if column
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE a_asked AS
        SELECT m.*, h.customer_id IS NOT NULL AND m.medium <> 'none' AS is_held_out,
            CASE
                WHEN m.medium = 'none' THEN NULL
                WHEN NOT coalesce(CASE {address} END, false) THEN 'no_address'
                WHEN NOT CASE {consent} ELSE false END THEN 'no_consent'
                WHEN h.customer_id IS NOT NULL THEN 'hold_out'
            END AS because
        FROM a_members AS m
        INNER JOIN marts.customers AS c ON m.customer_id = c.customer_id
        LEFT JOIN restricted.customer_contacts AS k ON m.customer_id = k.customer_id
        LEFT JOIN a_held AS h ON m.audience = h.audience AND m.customer_id = h.customer_id
        """
    )
    # One message per entry: those of the days before and of earlier builds of today, then those of
    # today by priority.
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE a_judged AS
        WITH sent AS (
            SELECT h.audience, h.customer_id, h.changed_on
            FROM a_history AS h
            INNER JOIN a_rules AS r ON h.audience = r.audience AND r.medium <> 'none'
            WHERE h.change = 'entered' AND h.left_out_because IS NULL
                AND NOT EXISTS (
                    FROM a_asked AS a
                    WHERE h.changed_on = DATE '{as_of}' AND a.entered_on = DATE '{as_of}'
                        AND a.because IS NULL AND a.audience = h.audience
                        AND a.customer_id = h.customer_id
                        AND a.event_key IS NOT DISTINCT FROM h.event_key
                )
        ),
        before_all AS (
            SELECT customer_id, count(*) AS n FROM sent
            WHERE changed_on > DATE '{as_of}' - {cap.days} GROUP BY 1
        ),
        before_own AS (
            SELECT s.audience, s.customer_id, count(*) AS n
            FROM sent AS s INNER JOIN a_rules AS r ON s.audience = r.audience
            WHERE r.cap_days IS NOT NULL AND s.changed_on > DATE '{as_of}' - r.cap_days
            GROUP BY ALL
        ),
        today AS (
            SELECT a.audience, a.customer_id, row_number() OVER (
                PARTITION BY a.customer_id
                ORDER BY a.entered_on = DATE '{as_of}' AND NOT a.is_new DESC, a.priority DESC,
                    a.audience
            ) AS place
            FROM a_asked AS a
            LEFT JOIN a_rules AS r ON a.audience = r.audience
            LEFT JOIN before_own AS o ON a.audience = o.audience AND a.customer_id = o.customer_id
            WHERE a.because IS NULL AND a.medium <> 'none' AND a.entered_on = DATE '{as_of}'
                AND coalesce(o.n, 0) < coalesce(r.cap_messages, 1000000)
        )
        SELECT a.*, CASE
            WHEN a.because IS NOT NULL OR a.medium = 'none' OR a.entered_on < DATE '{as_of}'
                THEN a.because
            WHEN t.place IS NULL OR t.place + coalesce(b.n, 0) > {cap.messages} THEN 'cap'
        END AS left_out_because
        FROM a_asked AS a
        LEFT JOIN today AS t ON a.audience = t.audience AND a.customer_id = t.customer_id
        LEFT JOIN before_all AS b ON a.customer_id = b.customer_id
        """
    )
