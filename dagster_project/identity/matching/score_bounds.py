"""The most that a pair of profiles can weigh, from conditions far cheaper than the model's own.

Most pairs that agree on a blocking key are strangers, and Splink takes as long for them as for the
others: 10 microseconds a pair in November 2026, most of it for the likeness of strings. What
follows takes a quarter of that and leaves a fifth of the pairs. It decides nothing: a pair that it
leaves out could not have reached the threshold in the model either, which
``tests/unit/identity/test_bounds.py`` asks of random pairs.
"""

import math
from typing import Any

_MISSING = "l.{0} IS NULL OR r.{0} IS NULL"
_SAME = "l.{0} = r.{0}"
# One error leaves either what stands before it or what stands after it.
_ONE_ERROR = (
    "right(l.{0}, 2) = right(r.{0}, 2) "
    "OR starts_with(r.{0}, left(l.{0}, greatest(length(l.{0}) - 3, 0)))"
)
_LIKENESS = "jaro_winkler_similarity(l.{0}, r.{1})"

_EXCHANGED = (
    f"({_LIKENESS.format('first_key', 'last_key')} >= 0.7 "
    "OR list_has_any(l.first_names, r.last_names)) "
    f"AND ({_LIKENESS.format('last_key', 'first_key')} >= 0.7 "
    "OR list_has_any(l.last_names, r.first_names))"
)
_ONE_PLACE = "(l.postal_code = r.postal_code OR l.city = r.city)"
_YEARS = "abs(l.birth_year - r.birth_year)"

# By comparison: a condition, and the labels of the levels that a pair may have when it is the first
# to hold; without a level the model says nothing. Levels that are always outweighed by a named one
# are not named.
RULES: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "first_name": (
        (_MISSING.format("first_key"), ()),
        (_SAME.format("first_key"), ("the same",)),
        ("list_has_any(l.first_names, r.first_names)", ("a form of the same name",)),
        (_EXCHANGED, ("exchanged with the last name", "a typing error")),
        (f"{_LIKENESS.format('first_key', 'first_key')} >= 0.7", ("a typing error",)),
        ("least(length(l.first_key), length(r.first_key)) <= 2", ("an initial",)),
        ("true", ("different",)),
    ),
    "last_name": (
        (_MISSING.format("last_key"), ()),
        (_SAME.format("last_key"), ("the same",)),
        (_EXCHANGED, ("exchanged with the first name", "a typing error")),
        (
            f"{_LIKENESS.format('last_key', 'last_key')} >= 0.7 "
            "OR l.last_key = r.last_key || 'a' OR r.last_key = l.last_key || 'a'",
            ("a typing error",),
        ),
        ("true", ("different",)),
    ),
    "birth_date": (
        (_MISSING.format("birth"), ()),
        (_SAME.format("birth"), ("the same", "only the year known")),
        (
            "l.birth = r.exchanged_birth",
            ("only the year known", "day and month exchanged", "one wrong digit"),
        ),
        ("l.birth_year = r.birth_year", ("only the year known", "one wrong digit")),
        # One error that changes the year leaves the end as it was.
        ("l.birth_end = r.birth_end", ("one wrong digit", "within a month")),
        (f"{_YEARS} <= 1", ("within a month", "two wrong digits")),
        (
            f"{_LIKENESS.format('birth', 'birth')} >= 0.8",
            ("two wrong digits", "within a year"),
        ),
        # The last day of a year and the first of the next but one are 366 days apart.
        (f"{_YEARS} <= 2", ("within a year",)),
        ("true", ("different",)),
    ),
    "national_id": (
        (_MISSING.format("national_id"), ()),
        (_SAME.format("national_id"), ("the same",)),
        (
            f"{_LIKENESS.format('national_id', 'national_id')} >= 0.7",
            ("one wrong character", "two wrong characters"),
        ),
        ("true", ("different",)),
    ),
    "email": (
        (_MISSING.format("email"), ()),
        (_SAME.format("email"), ("the same",)),
        (
            f"{_LIKENESS.format('email', 'email')} < 0.8 AND l.mailbox <> r.mailbox",
            ("different",),
        ),
        (
            "l.is_rare_domain AND r.is_rare_domain",
            ("a typing error, at a rare domain", "a typing error"),
        ),
        ("true", ("a typing error", "the same name at another provider", "much alike")),
    ),
    "phone": (
        (_MISSING.format("phone"), ()),
        (_SAME.format("phone"), ("the same",)),
        (_ONE_ERROR.format("phone"), ("one wrong digit",)),
        ("true", ("different",)),
    ),
    "loyalty_card": (
        (_MISSING.format("loyalty_card"), ()),
        (_SAME.format("loyalty_card"), ("the same",)),
        (_ONE_ERROR.format("loyalty_card"), ("one wrong character",)),
        ("true", ("different",)),
    ),
    "address": (
        (
            "(l.postal_code IS NULL OR r.postal_code IS NULL) "
            "AND (l.street IS NULL OR r.street IS NULL) AND (l.city IS NULL OR r.city IS NULL)",
            (),
        ),
        (
            f"{_ONE_PLACE} AND l.street = r.street",
            ("the same street and place", "a typing error", "the same city"),
        ),
        (f"{_ONE_PLACE} AND l.house = r.house", ("a typing error", "the same city")),
        (
            "l.street = r.street AND l.house = r.house",
            ("the same street, place not given", "a city written alike"),
        ),
        (_SAME.format("postal_code"), ("the same postal code",)),
        (_SAME.format("city"), ("the same city",)),
        (f"{_LIKENESS.format('city', 'city')} >= 0.88", ("a city written alike",)),
        ("true", ("different",)),
    ),
    "patronymic": (
        (_MISSING.format("patronymic"), ()),
        (_SAME.format("patronymic"), ("the same",)),
        (f"{_LIKENESS.format('patronymic', 'patronymic')} >= 0.88", ("a typing error",)),
        ("true", ("different",)),
    ),
    "gender": (
        (_MISSING.format("gender"), ()),
        (_SAME.format("gender"), ("the same",)),
        ("true", ("different",)),
    ),
}


def upper_bound(model: dict[str, Any]) -> str:
    """SQL of the most bits that a pair weighs beyond the prior, over profiles ``l`` and ``r``.

    Besides the model's columns they have those of :func:`bound_columns`. Raises KeyError when a
    comparison or a level of the model has another name here.
    """
    sums = []
    for comparison in model["comparisons"]:
        levels = {level["label_for_charts"]: level for level in comparison["comparison_levels"]}
        common = _common(comparison)
        cases = []
        for condition, labels in RULES[comparison["output_column_name"]]:
            most = ", ".join(_bits(levels[label], common) for label in labels)
            cases.append(f"WHEN {condition} THEN {f'greatest({most})' if most else '0'}")
        sums.append(f"(CASE {' '.join(cases)} END)")
    return " + ".join(sums)


def bound_columns(model: dict[str, Any]) -> dict[str, str]:
    """Columns that :func:`upper_bound` reads besides the model's, by name.

    The rarity of a value, in bits beyond what agreement on any value says, is an expression over
    ``<column>_tf``, the share of profiles that bear the value.
    """
    columns = {
        "birth_year": "TRY_CAST(left(birth, 4) AS INTEGER)",
        "birth_end": "right(birth, 3)",
        "exchanged_birth": "left(birth, 4) || right(birth, 2) || substr(birth, 5, 2)",
        "mailbox": "split_part(email, '@', 1)",
    }
    for comparison in model["comparisons"]:
        for column, share in _common(comparison).items():
            columns[f"rarity_{column}"] = f"log2({share} / {column}_tf)"
    return columns


def _common(comparison: dict[str, Any]) -> dict[str, float]:
    """By column that weighs by frequency: how often strangers agree on it, whatever the value."""
    found: dict[str, float] = {}
    for level in comparison["comparison_levels"]:
        if "tf_adjustment_column" in level:
            found.setdefault(level["tf_adjustment_column"], level["u_probability"])
    return found


def _bits(level: dict[str, Any], common: dict[str, float]) -> str:
    # A number with digits after the point alone is a DECIMAL, and the sum a fifth slower.
    bits = f"{math.log2(level['m_probability'] / level['u_probability'])!r}::DOUBLE"
    column = level.get("tf_adjustment_column")
    return f"{bits} + least(l.rarity_{column}, r.rarity_{column})" if column in common else bits
