"""Deterministic links: pairs of profiles that are one person by identifiers that they share.

A profile is a contact or an account: a record that describes a person. Orders, calls and tickets
describe nobody; they attach to profiles afterwards (``attach``), and only bear witness here when
one of them carries identifiers of two profiles.
"""

from dataclasses import dataclass

import duckdb
import numpy as np

from dagster_project.identity.clustering.connected_components import components
from dagster_project.identity.frames import Frame, create_table, make, make_empty
from dagster_project.identity.records.further_values import FURTHER
from dagster_project.identity.records.identifiers import Records
from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.likeness import CONTRADICTIONS, compared

_SAME = ("national_id", "loyalty_card", "email", "phone")

# First rule that holds decides: rule, probability, condition over the shared kinds
# (same_email, ...; same_own_email where it may speak without a name), via_strong of a witness, the
# columns of likeness and the shorthands below.
# The probabilities order the links (weakest is cut first) and are shown; they were set from the
# share of true pairs among those that each rule joins in the simulated company.
_SHORTHANDS = """
    coalesce(first_level, 1) >= 1 AND coalesce(last_level, 1) >= 1 AS names_fit,
    coalesce(first_level, 0) >= 1 AND coalesce(last_level, 0) >= 1 AS names_agree,
    coalesce(first_level, 1) = 0 AND coalesce(last_level, 1) = 0 AS names_differ,
    coalesce(first_level, 1) = 0 AS first_differs,
    coalesce(last_level, 1) = 0 AS last_differs,
    coalesce(birth_level, 1) = 0 AS birth_differs,
    coalesce(birth_level, 0) >= 1 AS birth_agrees,
    coalesce(national_level, 1) = 0 AS national_differs,
    first_level IS NULL AND last_level IS NULL AS is_nameless
"""
# Never linked, whatever they share.
_OTHER_PERSON = CONTRADICTIONS["two people by their names"]
RULES: tuple[tuple[str, float, str], ...] = (
    (
        "same_national_id",
        0.999,
        "same_national_id AND NOT names_differ AND NOT (first_differs AND NOT birth_agrees)",
    ),
    (
        "same_email_and_phone",
        0.998,
        "same_email AND same_phone AND NOT national_differs AND NOT birth_differs "
        "AND (same_own_email OR same_own_phone OR birth_agrees) "
        "AND (names_fit OR (birth_agrees AND NOT names_differ))",
    ),
    (
        "same_email_and_name",
        0.995,
        "same_email AND names_agree AND NOT national_differs",
    ),
    (
        "same_loyalty_card",
        0.99,
        "same_loyalty_card AND NOT first_differs AND NOT birth_differs AND NOT national_differs",
    ),
    (
        "same_phone_and_name",
        0.985,
        "same_phone AND names_agree AND NOT is_other_last_name AND NOT birth_differs "
        "AND NOT national_differs",
    ),
    (
        "same_email_and_birth_date",
        0.98,
        "same_email AND birth_agrees AND NOT names_differ AND NOT national_differs",
    ),
    (
        "same_email",
        0.97,
        "same_own_email AND NOT first_differs AND NOT birth_differs AND NOT national_differs",
    ),
    (
        "same_phone_and_birth_date",
        0.96,
        "same_phone AND birth_level = 2 AND NOT first_differs AND NOT national_differs",
    ),
    (
        "witness_and_name",
        0.95,
        "via_strong AND names_agree AND NOT is_other_last_name AND NOT birth_differs "
        "AND NOT national_differs",
    ),
    (
        "same_phone_one_nameless",
        0.9,
        "same_own_phone AND is_nameless AND NOT birth_differs AND NOT national_differs",
    ),
    (
        "witness_one_nameless",
        0.88,
        "via_strong AND is_nameless AND NOT birth_differs AND NOT national_differs",
    ),
)


@dataclass(frozen=True)
class ProvenLinks:
    """Links that identifiers prove, and values of more people than the limit of their kind."""

    links: Frame
    overshared: Frame


def link_by_identifiers(
    con: duckdb.DuckDBPyConnection, guards: Guards, records: Records
) -> ProvenLinks:
    """Pairs of profiles whose shared values, or a witness, fit one of :data:`RULES`."""
    bearers = records.bearers
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_profile_values AS
        SELECT b.vid, any_value(b.kind) AS kind,
               greatest(count(*), coalesce(any_value(v.degree), 0)) AS profiles
        FROM {bearers} AS b JOIN {records.shared_values} AS v ON v.vid = b.vid
        WHERE b.is_profile GROUP BY b.vid
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_shared AS
        SELECT l.rid AS a, r.rid AS b, l.kind, l.vid, false AS is_witness,
               l.is_own AND r.is_own AS is_own
        FROM {bearers} AS l
        JOIN {bearers} AS r ON r.vid = l.vid AND r.rid > l.rid AND r.is_profile
        JOIN id_profile_values AS v ON v.vid = l.vid
        WHERE l.is_profile AND v.profiles BETWEEN 2 AND {guards.profiles_per_value}
        """
    )
    overshared = _overshared(con, guards, records)
    con.execute(f"DELETE FROM id_shared WHERE vid IN (SELECT vid FROM {overshared})")
    _witnessed(con, bearers)
    # Where no two profiles share anything, planning their comparison is most of what it takes.
    if con.execute("SELECT 1 FROM id_shared LIMIT 1").fetchall():
        links = make(con, "proven_links", _ruled(records.nodes, "id_shared"))
    else:
        links = make_empty(con, "proven_links")
    return ProvenLinks(links, overshared)


def _ruled(nodes: Frame, shared: str) -> str:
    """Query of the links among the pairs that ``shared`` (a, b, kind, is_witness) holds."""
    same = ",\n".join(
        f"coalesce(bool_or(NOT is_witness AND kind = '{kind}'), false) AS same_{kind}"
        for kind in _SAME
    ) + "".join(
        f", coalesce(bool_or(NOT is_witness AND is_own AND kind = '{kind}'), false) "
        f"AS same_own_{kind}"
        for kind in FURTHER
    )
    cases = f"WHEN {_OTHER_PERSON} THEN NULL " + " ".join(
        f"WHEN {condition} THEN {i}" for i, (_, _, condition) in enumerate(RULES)
    )
    names = ", ".join(f"({i}, '{name}', {p}::DOUBLE)" for i, (name, p, _) in enumerate(RULES))
    return f"""
        WITH paired AS (
            SELECT a AS rid_a, b AS rid_b, {same}, bool_or(is_witness) AS via_strong
            FROM {shared} GROUP BY a, b
        ),
        compared AS ({compared("paired", nodes)}),
        judged AS (SELECT *, {_SHORTHANDS} FROM compared),
        ruled AS (
            SELECT rid_a, rid_b, CASE {cases} END AS rule_number FROM judged
        )
        SELECT r.rid_a AS a, r.rid_b AS b, u.rule, u.probability
        FROM ruled AS r
        JOIN (VALUES {names}) AS u (number, rule, probability) ON u.number = r.rule_number"""


def _overshared(con: duckdb.DuckDBPyConnection, guards: Guards, records: Records) -> Frame:
    """Values borne by more people than the limit of their kind.

    People are counted by linking the bearers of the value among themselves, so that ten
    misspelt records of one person are one person.
    """
    limits = " ".join(f"WHEN '{kind}' THEN {n}" for kind, n in guards.people_per_value.items())
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_busy AS
        SELECT vid, profiles, CASE kind {limits} END AS people_limit
        FROM id_profile_values
        WHERE profiles > CASE kind {limits} END AND profiles <= {guards.profiles_per_value}
        """
    )
    if not con.execute("SELECT 1 FROM id_busy LIMIT 1").fetchall():
        return make_empty(con, "overshared")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_busy_shared AS "
        "SELECT * FROM id_shared WHERE vid IN (SELECT vid FROM id_busy)"
    )
    bearers = con.execute(
        f"""
        SELECT b.vid, b.rid, row_number() OVER (ORDER BY b.vid, b.rid) - 1 AS number
        FROM {records.bearers} AS b JOIN id_busy AS y ON y.vid = b.vid
        WHERE b.is_profile ORDER BY number
        """
    ).fetchnumpy()
    create_table(con, "id_busy_bearers", {name: bearers[name] for name in bearers})
    edges = con.execute(
        f"""
        SELECT a.number AS l, b.number AS r
        FROM id_busy_shared AS s
        JOIN ({_ruled(records.nodes, "id_busy_shared")}) AS k ON k.a = s.a AND k.b = s.b
        JOIN id_busy_bearers AS a ON a.vid = s.vid AND a.rid = s.a
        JOIN id_busy_bearers AS b ON b.vid = s.vid AND b.rid = s.b
        """
    ).fetchnumpy()
    labels = components(
        len(bearers["vid"]), edges["l"].astype(np.int64), edges["r"].astype(np.int64)
    )
    create_table(con, "id_people", {"vid": bearers["vid"], "person": labels})
    return make(
        con,
        "overshared",
        """
        SELECT p.vid, any_value(y.profiles) AS profiles, count(DISTINCT p.person) AS people
        FROM id_people AS p JOIN id_busy AS y ON y.vid = p.vid
        GROUP BY p.vid HAVING count(DISTINCT p.person) > any_value(y.people_limit)
        """,
    )


def _witnessed(con: duckdb.DuckDBPyConnection, bearers: Frame) -> None:
    """Pairs of profiles whose identifiers stand together on one order, call or ticket.

    Values of more than five profiles bear no witness: there it would be of half a company.
    """
    con.execute(
        f"""
        INSERT INTO id_shared
        WITH witness AS (
            SELECT o.rid AS witness_rid, o.kind, o.vid
            FROM {bearers} AS o
            JOIN id_profile_values AS v ON v.vid = o.vid
            WHERE NOT o.is_profile AND v.profiles <= 5
        ),
        several AS (
            SELECT witness_rid FROM witness GROUP BY witness_rid HAVING count(*) > 1
        ),
        combinations AS (
            SELECT DISTINCT l.vid AS left_vid, l.kind AS left_kind, r.vid AS right_vid
            FROM witness AS l
            JOIN several AS s ON s.witness_rid = l.witness_rid
            JOIN witness AS r ON r.witness_rid = l.witness_rid AND r.vid <> l.vid
        )
        SELECT DISTINCT least(l.rid, r.rid), greatest(l.rid, r.rid), 'witness', NULL, true, true
        FROM combinations AS c
        JOIN {bearers} AS l ON l.vid = c.left_vid AND l.is_profile
        JOIN {bearers} AS r ON r.vid = c.right_vid AND r.is_profile
        WHERE l.rid <> r.rid
        """
    )
