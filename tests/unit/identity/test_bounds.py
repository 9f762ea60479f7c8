"""What is left out before Splink sees it."""

import math
import random
import re
from collections import Counter
from datetime import date, timedelta

import duckdb
import pandas as pd
import pytest

from dagster_project.identity.matching.score_bounds import RULES, bound_columns, upper_bound
from dagster_project.identity.rules.linkage import load_model
from tests.soak import SOAK, seeded

PAIRS = 400_000 if SOAK else 20_000
FLOOR = {
    "first_key": 0.0005, "last_key": 0.0002, "city": 0.002, "birth": 5e-5, "postal_code": 0.0002,
    "patronymic": 0.005,
}  # fmt: skip
WORDS = {
    "first_key": ("anna", "ann", "maria", "ivan", "li", "wilhelmina", "bo", "ahmed", "nina"),
    "last_key": ("petrov", "petrova", "nna", "smith", "smyth", "ng", "ivan", "oconnor", "maria"),
    "national_id": ("1234567", "9876543", "55501", "AB12"),
    "email": (
        "anna.petrova@rare.example", "ivan1980@mail.example", "i.smith@mail.example", "a@b.example",
    ),
    "phone": ("+447911123456", "+79161234567", "+3725551234", "+12025550100"),
    "loyalty_card": ("700012345", "700012354", "31"),
    "postal_code": ("ls14ab", "101000", "90210"),
    "street": ("mil", "lenina", "high", "a"),
    "house": ("14", "5", "1"),
    "flat": ("8", "12"),
    "patronymic": ("ivan", "petr", "aleksandr"),
    "city": ("leeds", "moscow", "москва", "london", "y"),
    "gender": ("f", "m"),
}  # fmt: skip
LISTS = {"first_names": ("anna", "maria", "ivan"), "last_names": ("ivan", "maria", "smith")}


def mistyped(draw: random.Random, text: str) -> str:
    """One to three errors of the kinds that people make."""
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(text) + 1)
        kind = draw.randrange(4)
        if kind == 0 and len(text) > 1:
            text = text[:at] + text[at + 1 :]
        elif kind == 1:
            text = text[:at] + draw.choice("ae0159") + text[at:]
        elif kind == 2:
            text = text[:at] + draw.choice("ae0159") + text[at + 1 :]
        else:
            text = text[: at - 1] + text[at - 1 : at + 1][::-1] + text[at + 1 :] if at else text
    return text


def birth(draw: random.Random, other: str | None) -> str:
    """A day: any, of 1 January, or one that resembles ``other``."""
    day = date(1930, 1, 1) + timedelta(days=draw.randrange(30_000))
    if other and draw.random() < 0.7:
        day = date(int(other[:4]), int(other[4:6]), int(other[6:]))
        kind = draw.randrange(4)
        if kind == 0:
            day += timedelta(days=draw.choice([-366, -365, -31, -30, -1, 0, 1, 31, 32, 366, 367]))
        elif kind == 1 and day.day <= 12:
            day = date(day.year, day.day, day.month)
        elif kind == 2:
            text = mistyped(draw, other)
            with_errors = [text, other][not re.fullmatch(r"(19|20)\d{6}", text)]
            month, number = int(with_errors[4:6]), int(with_errors[6:])
            if 1 <= month <= 12 and 1 <= number <= 28:
                day = date(int(with_errors[:4]), month, number)
    if draw.random() < 0.1:
        day = date(day.year, 1, 1)
    return day.strftime("%Y%m%d")


def profile(draw: random.Random, other: dict | None) -> dict:
    """A profile, often one that resembles ``other`` field by field."""
    row: dict = {}
    for name, words in WORDS.items():
        row[name] = draw.choice(words)
        if other and other[name] and draw.random() < 0.6:
            row[name] = other[name]
        if name != "gender" and draw.random() < 0.4:
            row[name] = mistyped(draw, row[name]) or None
        if draw.random() < 0.15:
            row[name] = None
    if draw.random() < 0.15:
        row["first_key"], row["last_key"] = row["last_key"], row["first_key"]
    for name, words in LISTS.items():
        row[name] = draw.sample(words, draw.choice([0, 0, 1, 2]))
    row["birth"] = birth(draw, other and other["birth"]) if draw.random() < 0.85 else None
    row["is_rare_domain"] = draw.random() < 0.5
    for name, floor in FLOOR.items():
        same = other and other[name] == row[name]
        row[f"{name}_tf"] = other[f"{name}_tf"] if same else floor * 2 ** draw.choice([0, 0, 1, 6])
    return row


def sided(condition: str) -> str:
    """A condition of the model over l and r, as Splink has them over column_l and column_r."""
    return re.sub(r"\b(\w+)_([lr])\b", r"\2.\1", condition)


def weight(model: dict) -> str:
    """SQL of what the model itself gives a pair, as Fellegi and Sunter define it, without bounds.

    With Splink's correction for frequent values: u of the exact level over the larger share.
    """
    sums = []
    for comparison in model["comparisons"]:
        cases, exact = [], {}
        for level in comparison["comparison_levels"]:
            condition = sided(level["sql_condition"])
            if level.get("is_null_level"):
                cases.append(f"WHEN {condition} THEN 0")
                continue
            bits = str(math.log2(level["m_probability"] / level["u_probability"]))
            if column := level.get("tf_adjustment_column"):
                common = exact.setdefault(column, level["u_probability"])
                bits += f" + log2({common} / greatest(l.{column}_tf, r.{column}_tf))"
            cases.append(f"ELSE {bits}" if condition == "ELSE" else f"WHEN {condition} THEN {bits}")
        sums.append(f"(CASE {' '.join(cases)} END)")
    return " + ".join(sums)


@pytest.fixture(scope="module")
def pairs() -> duckdb.DuckDBPyConnection:
    draw = seeded()
    rows = []
    for number in range(PAIRS):
        left = profile(draw, None)
        rows += [(number, 0, left), (number, 1, profile(draw, left))]
    con = duckdb.connect()
    names = list(rows[0][2])
    kinds = dict.fromkeys(LISTS, "VARCHAR[]") | {"is_rare_domain": "BOOLEAN"}
    kinds |= {f"{name}_tf": "DOUBLE" for name in FLOOR}
    columns = ", ".join(f"{name} {kinds.get(name, 'VARCHAR')}" for name in names)
    con.execute(f"CREATE TABLE drawn (pair INTEGER, side INTEGER, {columns})")
    frame = pd.DataFrame([{"pair": pair, "side": side, **row} for pair, side, row in rows])
    con.register("frame", frame)
    con.execute("INSERT INTO drawn BY NAME SELECT * FROM frame")
    more = ", ".join(f"{sql} AS {name}" for name, sql in bound_columns(load_model()).items())
    con.execute(f"CREATE TABLE profiles AS SELECT *, {more} FROM drawn")
    return con


def test_no_pair_weighs_more_than_its_bound(pairs):
    """Two records of one person are never compared, and nobody learns of it."""
    model = load_model()
    over = pairs.execute(
        f"""
        SELECT l.*, r.*, {weight(model)} AS weighs, {upper_bound(model)} AS bound
        FROM profiles AS l JOIN profiles AS r ON r.pair = l.pair AND r.side = 1
        WHERE l.side = 0 AND {weight(model)} > {upper_bound(model)} + 1e-9 LIMIT 3
        """
    ).fetchdf()
    assert over.empty, over.T.to_string()


def test_every_rule_and_level_is_met(pairs):
    """A level that no random pair reaches was never asked."""
    model = load_model()
    for comparison in model["comparisons"]:
        cases = " ".join(
            f"WHEN {sided(level['sql_condition'])} THEN {number}"
            for number, level in enumerate(comparison["comparison_levels"][:-1])
        )
        rules = " ".join(
            f"WHEN {condition} THEN {number}"
            for number, (condition, _) in enumerate(RULES[comparison["output_column_name"]])
        )
        met = pairs.execute(
            f"SELECT CASE {cases} ELSE -1 END, CASE {rules} END "
            "FROM profiles AS l JOIN profiles AS r ON r.pair = l.pair AND r.side = 1 "
            "WHERE l.side = 0"
        ).fetchall()
        levels, found = Counter(level for level, _ in met), Counter(rule for _, rule in met)
        assert len(levels) == len(comparison["comparison_levels"]), (comparison, levels)
        assert len(found) == len(RULES[comparison["output_column_name"]]), (comparison, found)
