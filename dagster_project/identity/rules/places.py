"""Addresses: street, house and flat, and the city, each as one key however they are written.

Russian and English forms: "ул. Кирова, д. 5, кв. 8", "Кирова 5-8", "Flat 8, 5 Kirov St". Comparing
two addresses does not stand here (``likeness``).
"""

import csv
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dagster_project.identity.rules.spelling import spelling_key

CITIES_PATH = Path(__file__).parent / "cities.csv"
# Words that say what kind of way or part a name or number belongs to.
_KINDS = frozenset(
    re.findall(
        r"\w+",
        """
        ул улица пр просп проспект пркт пер переулок наб набережная б бул бульвар ш шоссе пл площадь
        проезд тупик аллея мкр микрорайон д дом корп корпус к стр строение влад владение литер лит
        кв квартира оф офис пом помещение ком комната эт этаж под подъезд
        street st str road rd avenue ave av lane ln drive dr close cl court ct place pl square sq
        crescent cres terrace ter way boulevard blvd gardens gdns grove gr parade pde circuit cct
        highway hwy house no number flat fl apt apartment unit suite ste room rm floor building bldg
        """,
    )
)
# A number and the letters that belong to it: 5, 5a, 12-14 is two numbers.
_TOKEN = re.compile(r"[0-9]+[^\W\d_]{0,1}(?![^\W\d_])|[^\W\d_]+")
# "1-я Парковая", "2nd": a number that is part of the street's name.
_ORDINAL = re.compile(r"\b([0-9]+)[- ]?(?:ая|ый|ой|я|й|st|nd|rd|th)\b")
_FLAT_FIRST = re.compile(r"^\s*(?:flat|apt\.?|apartment|unit|кв\.?)\s*([0-9]+\w?)[\s,]+")
_CITY_KIND = re.compile(r"\b(г|гор|город|city of|пос|поселок|посёлок|с|село|д|деревня|пгт)\b\.?\s*")


@dataclass(frozen=True)
class Address:
    """Keys of the parts; ``house`` with its building's number, ``flat`` None when not given."""

    street: str | None
    house: str | None
    flat: str | None


def parse_address(raw: str) -> Address:
    """The parts of a street address; all None when it has neither a name nor a number."""
    text = unicodedata.normalize("NFKC", raw).casefold()
    flat_first = _FLAT_FIRST.match(text)
    if flat_first:
        text = text[flat_first.end() :]
    text = _ORDINAL.sub(lambda found: f" ordinal{'i' * min(int(found[1]), 40)} ", text)
    names, numbers = [], []
    for token in _TOKEN.findall(text):
        if token[0].isdigit():
            numbers.append(token)
        elif token not in _KINDS:
            names.append(spelling_key(token))
    street = " ".join(name for name in names if name) or None
    house = numbers[0] if numbers else None
    flat = flat_first[1] if flat_first else ("-".join(numbers[1:]) or None)
    return Address(street, house, flat)


@dataclass(frozen=True)
class Cities:
    """By spelling key of a city's name, the name that it is a form of."""

    names: Mapping[str, str]

    def key(self, raw: str) -> str | None:
        """One key for a city: "Москва", "г. Москва" and "Moscow" are one."""
        text = _CITY_KIND.sub("", unicodedata.normalize("NFKC", raw).casefold() + " ")
        key = "".join(spelling_key(word) for word in re.findall(r"[^\W\d_]+", text))
        return self.names.get(key, key) or None


@lru_cache(maxsize=1)
def load_cities(path: Path = CITIES_PATH) -> Cities:
    """Read ``cities.csv``: a name and its other names, separated by bars."""
    text = path.read_text(encoding="utf-8")
    names: dict[str, str] = {}
    for row in csv.DictReader(text.splitlines()):
        own = "".join(spelling_key(word) for word in re.findall(r"[^\W\d_]+", row["name"]))
        for form in (row["name"], *row["also"].split("|")):
            key = "".join(spelling_key(word) for word in re.findall(r"[^\W\d_]+", form))
            names[key] = own
    return Cities(names)
