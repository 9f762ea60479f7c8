"""What two profiles say of each other, column by column, on pairs whose answer a person knows."""

from typing import Any

import duckdb
import pytest

from dagster_project.identity.rules.likeness import compared

COLUMNS = {
    **dict.fromkeys(("first_key", "last_key", "patronymic", "birth", "gender"), "VARCHAR"),
    **dict.fromkeys(("national_id", "email", "street", "house", "postal_code", "city"), "VARCHAR"),
    **dict.fromkeys(("first_names", "last_names"), "VARCHAR[]"),
}
ANNA = {"first_key": "anna", "last_key": "thornburi", "birth": "19840317", "gender": "f"}
# Of the second profile: what differs from Anna's, and what follows.
PAIRS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({}, {"first_level": 2, "last_level": 2, "birth_level": 2, "is_other_person": False}),
    (
        {"first_key": "thornburi", "last_key": "anna", "gender": "m"},
        {"is_swapped": True, "first_level": 2, "last_level": 2, "is_other_person": False},
    ),
    # Her first name as a family name, and another first name: nothing is compared with nothing.
    (
        {"first_key": "olga", "last_key": "anna"},
        {"is_swapped": False, "is_exchanged": True, "is_other_first_name": False},
    ),
    ({"first_key": None, "last_key": "anna"}, {"first_level": None, "last_level": 1}),
    ({"gender": "m"}, {"is_other_person": True, "is_other_gender": True}),
    ({"first_key": "edvard"}, {"first_level": 0, "is_other_first_name": True}),
    ({"last_key": "thornburia"}, {"last_level": 1, "is_other_last_name": False}),
    ({"last_key": "miller"}, {"last_level": 0, "is_other_last_name": True}),
    ({"birth": "19841703"}, {"birth_level": 1}),
    ({"birth": "19840101"}, {"birth_level": 1}),
    ({"birth": "19830101"}, {"birth_level": None}),
    ({"birth": "19840318"}, {"birth_level": 1, "is_other_generation": False}),
    ({"birth": "19560822"}, {"birth_level": 0, "is_other_generation": True}),
    ({"birth": None}, {"birth_level": None, "is_other_generation": False}),
)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("other", "expected"), PAIRS)
def test_a_pair_says_what_a_person_would(turned: bool, other: dict, expected: dict) -> None:
    """A rule reads its columns, and joins or parts people, on a level that nobody would give."""
    with duckdb.connect() as con:
        kinds = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        con.execute(f"CREATE TABLE nodes (rid BIGINT, {kinds}, birth_date DATE)")
        for rid, profile in enumerate((ANNA, ANNA | other)):
            row = {"first_names": [], "last_names": [], **profile, "rid": rid}
            con.execute(
                f"INSERT INTO nodes ({', '.join(row)}) VALUES ({', '.join('?' for _ in row)})",
                list(row.values()),
            )
        # Day and month exchanged make no day of the calendar.
        con.execute("UPDATE nodes SET birth_date = CAST(try_strptime(birth, '%Y%m%d') AS DATE)")
        pair = "(SELECT 1 AS rid_a, 0 AS rid_b)" if turned else "(SELECT 0 AS rid_a, 1 AS rid_b)"
        (found,) = con.execute(compared(pair, "nodes")).to_arrow_table().to_pylist()
    assert {name: found[name] for name in expected} == expected
    assert not [name for name in found if name.startswith(("a_", "b_"))]
