"""Names that are one but for a typing error: the model's levels and the rules mean the same."""

import json
import random
from importlib.resources import files

import duckdb
import pytest

from dagster_project.identity.rules.likeness import names_alike

LEVELS = {
    (comparison["output_column_name"], level["label_for_charts"]): level["sql_condition"]
    for comparison in json.loads(
        (files("dagster_project.identity.rules") / "model.json").read_text()
    )["comparisons"]
    for level in comparison["comparison_levels"]
}
SLIPS = [lambda w, i: w[:i] + w[i + 1 :], lambda w, i: w[:i] + "o" + w[i:], lambda w, i: w[::-1]]


@pytest.fixture(scope="module")
def pairs():
    """Two thousand pairs of people: short names, most of them with slips of the pen."""
    draw = random.Random(11)
    names = ["".join(draw.choices("aeklnrst", k=draw.randint(1, 9))) for _ in range(60)]

    def misspelt(name: str) -> str:
        for _ in range(draw.choice((0, 1, 1, 2))):
            name = draw.choice(SLIPS)(name, draw.randrange(len(name) + 1)) or name
        return name

    rows = []
    for _ in range(2000):
        first, last = draw.sample(names, 2)
        other = [misspelt(first), misspelt(last)] if draw.random() < 0.7 else draw.sample(names, 2)
        rows.append((first, last, *(other if draw.random() < 0.7 else reversed(other))))
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE pairs (first_key_l VARCHAR, last_key_l VARCHAR, first_key_r VARCHAR, "
            "last_key_r VARCHAR)"
        )
        con.executemany("INSERT INTO pairs VALUES (?, ?, ?, ?)", rows)
        con.execute(
            "CREATE VIEW people AS SELECT *, [first_key_l] AS first_names_l, "
            "[last_key_l] AS last_names_l, [first_key_r] AS first_names_r, "
            "[last_key_r] AS last_names_r FROM pairs"
        )
        yield con


def _holds(con: duckdb.DuckDBPyConnection, condition: str) -> list[bool]:
    return [row[0] for row in con.execute(f"SELECT {condition} FROM people").fetchall()]


@pytest.mark.parametrize("name", ["first", "last"])
def test_a_typing_error_is_the_same_to_the_model_and_to_the_rules(pairs, name):
    """A pair that the model joins as a slip of the pen is torn apart as two names by a rule."""
    rule = names_alike(f"{name}_key_l", f"{name}_key_r")
    if name == "last":
        # The feminine form of a last name is the same name.
        rule += " OR last_key_l = last_key_r || 'a' OR last_key_r = last_key_l || 'a'"
    found = _holds(pairs, rule)
    assert found == _holds(pairs, LEVELS[f"{name}_name", "a typing error"])
    assert 200 < sum(found) < 1900


@pytest.mark.parametrize(("name", "other"), [("first", "last"), ("last", "first")])
def test_exchanged_names_may_have_a_typing_error(pairs, name, other):
    """First and last name stand in each other's field, one is misspelt, and the person is two."""
    rule = (
        f"{names_alike('first_key_l', 'last_key_r')} AND {names_alike('last_key_l', 'first_key_r')}"
    )
    found = _holds(pairs, rule)
    assert found == _holds(pairs, LEVELS[f"{name}_name", f"exchanged with the {other} name"])
    assert 50 < sum(found) < 1900
