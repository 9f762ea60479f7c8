"""Match weights in words: what each field of a link's evidence adds, and by which rule it holds.

The page that draws them is ``report/match_weights.py``.
"""

from collections.abc import Mapping
from typing import Any

from dagster_project.identity.rules.normalisation import KINDS

_RULES = {
    "probable": "no identifier proves it; the weights do",
    "override": "a person decided",
}
_FIELDS = {
    "prior": "Before evidence",
    "national_id": "National id",
    "loyalty_card": "Loyalty card",
    "birth_date": "Date of birth",
    "first_name": "First name",
    "last_name": "Last name",
    "email": "E-mail",
}

# Field, weight in bits, where its bar starts and ends.
Bar = tuple[str, float, float, float]


def bars(bits: Mapping[str, float]) -> list[Bar]:
    """What each field adds, strongest first, from where the one before it ended."""
    rest = sorted(
        ((name, weight) for name, weight in bits.items() if name != "prior"),
        key=lambda item: -item[1],
    )
    found, at = [], 0.0
    for name, weight in [("prior", bits.get("prior", 0.0)), *rest]:
        found.append((name, weight, at, at + weight))
        at += weight
    return found


def how_linked(link: Mapping[str, Any]) -> str:
    """The rule of a link, in words."""
    rule = str(link["rule"])
    if rule == "probable" and any((link.get("bits") or {}).get(kind, 0) > 0 for kind in KINDS):
        return "identifiers speak for it and do not prove it alone; the weights do"
    return _RULES.get(rule, rule.replace("_", " "))


def field_label(name: str) -> str:
    """What a field of the evidence is called."""
    return _FIELDS.get(name, name.replace("_", " ").capitalize())


def shown_probability(value: float) -> str:
    """Two digits that say something, never a rounded certainty."""
    if value >= 1:
        return "1"
    digits = 2
    while digits < 6 and round(value, digits) >= 1:
        digits += 1
    return f"{value:.{digits}f}" if round(value, digits) < 1 else "above 0.999999"
