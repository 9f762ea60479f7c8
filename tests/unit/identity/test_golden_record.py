"""The golden record against a plain reading of its rules, over records drawn at random."""

import random
from collections import Counter
from datetime import datetime
from typing import Any

import duckdb
import pandas as pd
import pytest

from tests.rendered import CONTACTS, rendered
from tests.soak import SOAK, seeded

FIELDS = (
    "first_name", "middle_name", "last_name", "email", "phone", "birth_date", "gender",
    "street_address", "city", "region", "postal_code", "country", "company", "national_id",
    "loyalty_card",
)  # fmt: skip
IDENTIFIERS = ("email", "phone", "national_id", "loyalty_card")
RULES = ("most_recent", "most_trusted", "most_frequent")
SOURCES = ("crm.contacts", "shop.accounts", "shop.orders")
CUSTOMERS = 60
Row = dict[str, Any]


def _value(draw: random.Random, field: str) -> str | None:
    if field == "birth_date":
        return draw.choice((None, "1980-02-03", "1981-02-03", "1990-12-31"))
    if field in IDENTIFIERS:
        return draw.choice((None, "", *(f"{field} {letter}" for letter in "aabc")))
    return draw.choice((None, "", "  ", " a", "a", "b", "c"))


def _record(draw: random.Random, number: int) -> Row:
    system, table = draw.choice(SOURCES).split(".")
    moments = (None, datetime(2026, 1, 1), datetime(2026, 1, 2), datetime(2026, 3, 1))
    return {
        "customer_id": f"c{draw.randrange(CUSTOMERS)}",
        "method": draw.choice(("email", "email", "visitor")),
        "source_system": system,
        "source_table": table,
        "source_id": str(number),
        "updated_at": draw.choice(moments),
        "seen_at": draw.choice(moments[1:]),
        "is_deleted": draw.random() < 0.1,
        **{field: _value(draw, field) for field in FIELDS},
    }


def _normalised(field: str, value: str | None) -> str | None:
    """Of the identifiers b is none, and c is another form of a."""
    if field not in IDENTIFIERS:
        return (value or "").strip() or None
    return f"{field} a" if value in (f"{field} a", f"{field} c") else None


def _survivor(
    rows: list[Row], field: str, rule: str, trust: dict[str, int]
) -> tuple[str | None, str | None]:
    """(value, source) by the rules as the seed's description words them."""
    stated = []
    for row in rows:
        value = _normalised(field, row[field])
        if value is not None:
            name = f"{row['source_system']}.{row['source_table']}"
            known = row["updated_at"] or row["seen_at"]
            stated.append((value, known, trust.get(name, 0), f"{name}/{row['source_id']}"))
    if not stated:
        return None, None
    records = Counter(value for value, *_ in stated)
    first = {
        "most_recent": lambda _: 0,
        "most_trusted": lambda found: found[2],
        "most_frequent": lambda found: records[found[0]],
    }[rule]
    value, *_, source = max(stated, key=lambda found: (first(found), *found[1:]))
    return value, source


@pytest.mark.parametrize("turn", range(40 if SOAK else 3))
def test_the_value_that_survives_is_the_one_that_the_rules_name(turn: int) -> None:
    """A customer is written to under a name or an address that was given up years ago."""
    draw = random.Random(f"{seeded().random()} {turn}")
    rules = {field: draw.choice(RULES) for field in FIELDS}
    trust = {source: draw.randint(-1, 5) for source in SOURCES[:2]}
    records = [_record(draw, number) for number in range(6 * CUSTOMERS)]
    customers = [f"c{number}" for number in range(CUSTOMERS)]
    identifiers = [
        (field, f"{field} {letter}", _normalised(field, f"{field} {letter}"))
        for field in IDENTIFIERS
        for letter in "abc"
    ]
    tables = {
        "intermediate.survivorship": pd.DataFrame(rules.items(), columns=["field", "rule"]),
        "intermediate.source_trust": pd.DataFrame(trust.items(), columns=["source", "trust"]),
        "identity.customers": pd.DataFrame(
            {"customer_id": customers, "resolved_at": datetime(2026, 5, 1)}
        ),
        "identity.identifiers": pd.DataFrame(
            identifiers, columns=["identifier_kind", "raw_value", "normalised_value"]
        ),
        "identity.assignments": pd.DataFrame(records),
        "intermediate.int_identity_records": pd.DataFrame(records),
    }
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA intermediate; CREATE SCHEMA identity")
        for name, frame in tables.items():
            con.register("incoming", frame)
            con.execute(f"CREATE TABLE {name} AS FROM incoming")
            con.unregister("incoming")
        con.execute("ALTER TABLE intermediate.int_identity_records DROP COLUMN customer_id")
        con.execute(
            "ALTER TABLE intermediate.int_identity_records ALTER birth_date TYPE DATE; "
            "ALTER TABLE intermediate.source_trust ALTER trust TYPE INTEGER"
        )
        con.execute(f"CREATE TABLE intermediate.kept AS {rendered(CONTACTS)}")
        found = con.execute("FROM intermediate.kept").to_arrow_table().to_pylist()
        # Of those who were looked at again the records are made anew, and of nobody else.
        con.execute(
            "UPDATE identity.customers SET resolved_at = TIMESTAMP '2026-05-02' "
            "WHERE hash(customer_id) % 3 = 0"
        )
        again = rendered(CONTACTS, this="intermediate.kept", is_incremental=True)
        of_all = f"SELECT * FROM ({rendered(CONTACTS)}) WHERE resolved_at = '2026-05-02'"
        found_again = con.execute(f"{again} ORDER BY ALL").fetchall()
        assert found_again == con.execute(f"{of_all} ORDER BY ALL").fetchall()
    assert sorted(row["customer_id"] for row in found) == sorted(customers)
    for row in found:
        own = [
            record
            for record in records
            if record["customer_id"] == row["customer_id"]
            and record["method"] != "visitor"
            and not record["is_deleted"]
        ]
        for field in FIELDS:
            value = None if row[field] is None else str(row[field])
            expected = _survivor(own, field, rules[field], trust)
            assert (value, row[f"{field}_source"]) == expected, (field, rules[field])
