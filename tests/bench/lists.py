"""A simulated list of people without identifiers: names, birth dates and addresses alone.

Up to 15 records a person, families at one address, namesakes at the rate of long-tailed surnames;
typing errors, nicknames, initials, titles in the first name, addresses written in several ways,
moves, and dates or fields that are missing, at the rates below.
"""

import random
from bisect import bisect
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Any

from dagster_project.sample import names_en

_SYLLABLES = ("ar", "bel", "cor", "dan", "el", "far", "gor", "hal", "jor", "kel", "lor", "mar")
_SYLLABLES += ("nor", "ol", "per", "quil", "ros", "sol", "tam", "ur", "vel", "win", "yar")
_ENDINGS = ("son", "ley", "ton", "ford", "man", "berg", "ski", "wood", "field", "well", "by", "er")
_STREETS = tuple(
    f"{name} {kind}"
    for kind, names in {
        "Street": "High Bridge Market Mill Union",
        "Road": "Park Station Kings Windsor London",
        "Lane": "Mill Green School Church",
        "Avenue": "Victoria Chestnut Cedar",
        "Drive": "Manor Meadow",
        "Close": "Elm Ash Birch",
    }.items()
    for name in names.split()
)
_SHORT = {"Street": "St", "Lane": "Ln", "Road": "Rd", "Avenue": "Ave", "Drive": "Dr", "Close": "Cl"}
_TITLES = {"f": ("Mrs", "Ms", "Miss", "Dr", "Reverend"), "m": ("Mr", "Dr", "Reverend", "Sir")}
_CITIES = 120


def _ranked(draw: random.Random, values: int, exponent: float) -> int:
    """A rank by Zipf's law with a flat head, as names and towns have."""
    weights = _weights(values, exponent)
    return bisect(weights, draw.random() * weights[-1])


@lru_cache(maxsize=8)
def _weights(values: int, exponent: float) -> list[float]:
    return list(accumulate(1 / (rank + 3) ** exponent for rank in range(values)))


def _names() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    return {
        "f": list(zip(names_en.FEMALE, names_en.FEMALE_SHORT, strict=True)),
        "m": list(zip(names_en.MALE, names_en.MALE_SHORT, strict=True)),
    }


def _typo(draw: random.Random, text: str) -> str:
    if len(text) < 3:
        return text
    at = draw.randrange(1, len(text) - 1)
    letter = draw.choice("0123456789" if text[at].isdigit() else "aeiorstn")
    return draw.choice((
        text[:at] + text[at + 1 :],
        text[:at] + letter + text[at:],
        text[:at] + letter + text[at + 1 :],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    ))  # fmt: skip


def _address(draw: random.Random) -> dict[str, str]:
    town = _ranked(draw, _CITIES, 0.9)
    postal = (
        f"{chr(65 + town % 26)}{chr(65 + town // 26)}{draw.randint(1, 30)} {draw.randint(1, 9)}"
    )
    return {
        "street_address": f"{draw.randint(1, 180)} {draw.choice(_STREETS)}",
        "city": f"{_SYLLABLES[town % len(_SYLLABLES)]}{_ENDINGS[town % len(_ENDINGS)]}".capitalize()
        + ("" if town < 60 else " Vale"),
        "postal_code": postal + draw.choice("ABDEFG") + draw.choice("HJLNPQ"),
    }


def _person(
    draw: random.Random, home: dict[str, str], last: str, age: int, taken: set[str]
) -> dict[str, Any]:
    """``taken``: first names of the family, which gives no two of its own the same."""
    gender = draw.choice("fm")
    names = _names()[gender]
    first, shorts = next(
        found
        for found in iter(lambda: names[_ranked(draw, len(names), 0.8)], None)
        if found[0] not in taken
    )
    taken.add(first)
    born = date(2025 - age, 1, 1) + timedelta(days=draw.randrange(365))
    return {"gender": gender, "first": first, "shorts": shorts, "last": last, "born": born,
            "home": home, "next": _address(draw)}  # fmt: skip


def _record(draw: random.Random, person: dict[str, Any]) -> dict[str, Any]:
    first, last, born = person["first"], person["last"], person["born"]
    if person["shorts"] and draw.random() < 0.15:
        first = draw.choice(person["shorts"])
    if draw.random() < 0.04:
        first = _typo(draw, first)
    elif draw.random() < 0.03:
        first = first[0]
    if draw.random() < 0.05:
        first = f"{draw.choice(_TITLES[person['gender']])} {first}"
    if draw.random() < 0.04:
        last = _typo(draw, last)
    day: date | None = born
    if draw.random() < 0.2:
        day = None
    elif draw.random() < 0.02:
        day = born + timedelta(days=draw.choice((-10, -1, 1, 10)))
    elif draw.random() < 0.015 and born.day <= 12:
        day = date(born.year, born.day, born.month)
    home = dict(person["next"] if draw.random() < 0.08 else person["home"])
    house, _, street = home["street_address"].partition(" ")
    if draw.random() < 0.25:
        for long, short in _SHORT.items():
            street = street.replace(long, short)
    home["street_address"] = f"{street} {house}" if draw.random() < 0.05 else f"{house} {street}"
    if draw.random() < 0.03:
        home["street_address"] = _typo(draw, home["street_address"])
    for field, rate in (("street_address", 0.15), ("city", 0.1), ("postal_code", 0.15)):
        if draw.random() < rate:
            home[field] = ""
    return {
        "first_name": "" if draw.random() < 0.02 else first,
        "last_name": "" if draw.random() < 0.01 else last,
        "birth_date": day.isoformat() if day else "",
        "gender": person["gender"] if draw.random() < 0.5 else "",
        **home,
    }


def people_list(people: int, seed: int) -> Iterator[dict[str, Any]]:
    """Records with their person (``person_id``); equal arguments, equal records."""
    draw = random.Random(seed)
    tail = [(a + b + end).capitalize() for a in _SYLLABLES for b in _SYLLABLES for end in _ENDINGS]
    draw.shuffle(tail)
    lasts = [*names_en.LAST, *tail]
    number = 0
    while number < people:
        last = lasts[_ranked(draw, len(lasts), 0.9)]
        taken: set[str] = set()
        home, oldest = _address(draw), draw.randint(25, 85)
        size = draw.choice((1, 1, 1, 2, 2, 3, 4))
        ages = [oldest, oldest - draw.randint(-6, 6), *(max(1, oldest - 30 - draw.randint(-8, 8))
                for _ in range(2))]  # fmt: skip
        for age in ages[:size]:
            person = _person(draw, home, last, max(1, age), taken)
            copies = (
                draw.randint(8, 15)
                if draw.random() < 0.05
                else min(15, 1 + int(draw.expovariate(0.6)))
            )
            for copy in range(copies):
                record = _record(draw, person)
                yield {"source_id": f"{number}-{copy}", "person_id": str(number), **record}
            number += 1


def strangers(people: int, seed: int) -> Iterator[dict[str, Any]]:
    """One record each of people who have nothing in common: no two names are the same."""
    draw, seen = random.Random(seed), set()
    while len(seen) < people:
        last = "".join(draw.choice(_SYLLABLES) for _ in range(3)) + draw.choice(_ENDINGS)
        first = draw.choice((*names_en.FEMALE, *names_en.MALE))
        if (first, last) in seen:
            continue
        seen.add((first, last))
        day = date(1940, 1, 1) + timedelta(days=draw.randrange(24_000))
        yield {
            "source_id": str(len(seen)),
            "person_id": str(len(seen)),
            "first_name": first,
            "last_name": last.capitalize(),
            "birth_date": day.isoformat(),
            **{field: text for field, text in _address(draw).items() if field != "street_address"},
        }
