"""The building blocks of the simulator."""

import csv
import io
import math

import numpy as np
import pyarrow as pa
import pytest

from dagster_project.sample import names_ru, writing
from dagster_project.sample.columns import (
    NONE,
    edit,
    expand,
    money,
    number,
    occurrence,
    pick,
    stamp,
)
from dagster_project.sample.company import END_DATE
from dagster_project.sample.draw import (
    bell,
    cumulative,
    exponential,
    generator,
    log,
    weighted,
)
from dagster_project.sample.layout import to_csv
from dagster_project.sample.world import make_world


def test_log_is_the_logarithm():
    """Waiting times between purchases follow another law."""
    x = np.r_[np.logspace(-300, 300, 2_001), 1.0, 0.7071067811865476, 0.9999999999999999]
    exact = np.array([math.log(value) for value in x])
    assert np.abs(log(x) - exact).max() <= 1e-15 * np.abs(exact).max() + 1e-15
    assert log(np.array([1.0]))[0] == 0.0


def test_draws_have_the_moments_they_promise():
    """Rates and waits of the company are off by a factor."""
    rng = generator(1, 0, "test")
    wait, noise = exponential(rng, 200_000), bell(rng, 200_000)
    assert wait.mean() == pytest.approx(1, abs=0.01)
    assert wait.var() == pytest.approx(1, abs=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.var() == pytest.approx(1, abs=0.01)
    share = np.bincount(weighted(rng, cumulative([1, 2, 7]), 100_000)) / 100_000
    assert share == pytest.approx([0.1, 0.2, 0.7], abs=0.01)


def test_streams_are_independent_and_repeatable():
    """A change in one part of the simulator reshuffles all others."""
    first = [generator(1, 0, "orders").random(), generator(1, 0, "orders").random()]
    assert first[0] == first[1]
    others = [(2, 0, "orders"), (1, 1, "orders"), (1, 0, "order rows"), (1, 0, "calls")]
    assert len({generator(*key).random() for key in others} | {first[0]}) == 5


def test_seasonal_clock_goes_there_and_back():
    """Purchases fall on other days than the season puts them."""
    calendar = make_world(END_DATE, 24).calendar
    times = np.array([calendar.start, calendar.start + 5_000_000, calendar.end - 1])
    assert np.abs(calendar.from_clock(calendar.to_clock(times)) - times).max() <= 1
    assert calendar.length / calendar.days == pytest.approx(10_000, rel=0.002)


@pytest.mark.parametrize(
    ("father", "son", "daughter"),
    [
        ("Иван", "Иванович", "Ивановна"),
        ("Сергей", "Сергеевич", "Сергеевна"),
        ("Юрий", "Юрьевич", "Юрьевна"),
        ("Игорь", "Игоревич", "Игоревна"),
        ("Илья", "Ильич", "Ильинична"),
        ("Лев", "Львович", "Львовна"),
        ("Пётр", "Петрович", "Петровна"),
    ],
)
def test_patronymics_are_declined(father, son, daughter):
    """Russian records carry names that no Russian bears."""
    assert names_ru.patronymic(father) == (son, daughter)


def test_surnames_of_women_and_transliterations():
    """Married couples and their two spellings would not look related."""
    forms = [names_ru.feminine(n) for n in ("Иванов", "Ильин", "Покровский", "Шевченко", "Черных")]
    assert forms == ["Иванова", "Ильина", "Покровская", "Шевченко", "Черных"]
    spelled = [names_ru.transliterate("Юлия Щербакова", scheme) for scheme in range(3)]
    assert spelled == ["Yuliya Shcherbakova", "Iuliia Shcherbakova", "Julija Scherbakova"]


def test_typo_changes_one_place():
    """A typing error leaves the word as it was, or destroys it."""
    for draw in range(500):
        wrong = writing.typo("Thompson", draw)
        assert abs(len(wrong) - 8) <= 1
        assert wrong[0] == "T"
    assert len({writing.typo("Thompson", draw) for draw in range(500)}) > 20
    assert writing.typo("Li", 3) == "Li"


def test_csv_is_read_back_by_another_reader():
    """Commas, quotes and line breaks in what people say shift the columns."""
    body = pa.array(["plain", 'say "hi", you', "two\nlines", None, ""])
    text = to_csv(
        ["review_id", "body", "rating"],
        {"review_id": "W", "body": body, "rating": np.array([1, 2, 3, NONE, 5])},
        5,
    ).decode()
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [
        ["W", "plain", "1"],
        ["W", 'say "hi", you', "2"],
        ["W", "two\nlines", "3"],
        ["W", "", ""],
        ["W", "", "5"],
    ]
    with pytest.raises(KeyError, match="colour"):
        to_csv(["review_id"], {"colour": "red"}, 1)


def test_columns_of_text():
    """Cents, missing values or repeated rows are written wrongly."""
    assert money(np.array([0, 5, 1234, -250, NONE])).to_pylist() == [
        "0.00",
        "0.05",
        "12.34",
        "-2.50",
        None,
    ]
    assert number(np.array([7, NONE]), 3).to_pylist() == ["007", None]
    assert stamp(np.array([86_399, NONE])).to_pylist() == ["1970-01-01 23:59:59", None]
    assert pick(["a", "b"], np.array([1, -1, 0])).to_pylist() == ["b", None, "a"]
    assert occurrence(np.array([3, 1, 3, 3, 1])).tolist() == [0, 0, 1, 2, 1]
    owner, position = expand(np.array([2, 0, 1]))
    assert (owner.tolist(), position.tolist()) == ([0, 0, 2], [0, 1, 0])
    changed = edit(pa.array(["a", None, "c"]), np.array([True, True, False]), lambda _, v: v * 2)
    assert changed.to_pylist() == ["aa", None, "c"]
