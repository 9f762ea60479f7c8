"""Name parsing: first name, family name, patronymic and gender out of whatever fields hold them.

A whole name may stand in one field, surname first or last; a patronymic in any. What follows from a
name alone stands here; comparing two names does not (``likeness``).
"""

import re
from dataclasses import dataclass

from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.nicknames import Nicknames
from dagster_project.identity.rules.spelling import family_key, spelling_key, words

# Over spelling keys, so of any script and standard: son's and daughter's endings.
_SON = re.compile(r"(?<=..)(ov|ev|iev)ich$|^(il|kuzm|luk|fom|nikit|savv?|fok|iak|fil)ich$")
_DAUGHTER = re.compile(r"(?<=..)(ov|ev|iev)na$|(?<=..)(in)?ichna$")
_STEM = re.compile(r"(ov|ev|iev)?(ich|in?ichna|ichna|na)$")
# Endings that a Russian family name has, and those that only a woman's has.
_FAMILY = re.compile(r"(ov|ev|in|ova|eva|ina|skii?|skaia|enko|chuk|ich|ih)$")
_WOMANS = re.compile(r"(ova|eva|skaia|tskaia)$")
_MANS = re.compile(r"(..ov|..ev|skii?|tskii?)$")
_TITLES = frozenset(
    spelling_key(word)
    for word in (
        *("mr", "mrs", "ms", "miss", "mx", "dr", "doctor", "prof", "professor", "rev", "reverend"),
        *("sir", "dame", "lord", "lady", "father", "sister", "brother", "capt", "captain", "hon"),
        *("child", "baby", "infant", "master", "jr", "sr", "junior", "senior", "esq", "phd"),
        *("herr", "frau", "monsieur", "madame", "mme", "señor", "señora"),
        *("господин", "госпожа", "доктор", "профессор", "ребенок"),
    )
)


@dataclass(frozen=True)
class PersonName:
    """Spelling keys of a name's parts, None where it has none; ``patronymic`` is the father's stem.

    ``first_names`` and ``last_names``: full names that the first and the family name may be forms
    of. ``gender``: f or m, as the patronymic, the first name or the family name's ending tells.
    """

    first_key: str | None = None
    first_names: tuple[str, ...] = ()
    last_key: str | None = None
    last_names: tuple[str, ...] = ()
    patronymic: str | None = None
    gender: str | None = None


def parse_name(
    guards: Guards,
    nicknames: Nicknames,
    *,
    first: str | None = None,
    middle: str | None = None,
    last: str | None = None,
    full: str | None = None,
) -> PersonName:
    """The parts of the name that stands in these fields, whichever hold it."""
    fields = [_tokens(text, guards) for text in (first, middle, last, full)]
    if fields[3] and not (fields[0] or fields[2]):
        fields[2], fields[3] = fields[3], []
    given, between, family, _ = fields
    several = len(given) + len(between) + len(family) > 1
    patronymic, sex, first_at = None, None, None
    if several:
        for place in (between, given, family):
            at = _patronymic_at(place, alone=place is family and len(place) == 1 and bool(given))
            if at is not None:
                token = spelling_key(place.pop(at))
                sex = "m" if _SON.search(token) else "f"
                patronymic = _STEM.sub("", token)
                # It follows the first name.
                first_at = at - 1 if at else None
                break
    # A single word is what its field says.
    if not given and len(family) > 1:
        given, family = _split(family, nicknames, first_at)
    elif not family and len(given) > 1:
        given, family = _split(given, nicknames, first_at)
    elif given and family and _is_swapped(given[0], family[0], nicknames):
        given, family = family, given
    first_key = _first_key(given[0], nicknames) if given else None
    last_key = "".join(family_key(word) for word in family) or None
    return PersonName(
        first_key or None,
        nicknames.full_names_of(first_key) if first_key else (),
        last_key,
        nicknames.full_names_of(last_key) if last_key else (),
        patronymic or None,
        sex or _gender(first_key, last_key, nicknames),
    )


def parse_family(guards: Guards, nicknames: Nicknames, raw: str) -> PersonName:
    """The family name in a field that holds nothing else; its words, as of Smith-Jones, are one."""
    key = "".join(family_key(word) for word in _tokens(raw, guards)) or None
    return PersonName(last_key=key, last_names=nicknames.full_names_of(key) if key else ())


def family_gender(last_key: str | None) -> str | None:
    """f or m as a Russian family name's ending tells, which says more than Sasha or Valya."""
    if not last_key:
        return None
    if _WOMANS.search(last_key):
        return "f"
    return "m" if _MANS.search(last_key) else None


def _gender(first_key: str | None, last_key: str | None, nicknames: Nicknames) -> str | None:
    by_first = nicknames.gender_of(first_key) if first_key else None
    if by_first and len(first_key or "") <= 3:
        # Three letters are a slip away from a form of another name; a family name may confirm them.
        return by_first if by_first == family_gender(last_key) else None
    if by_first or not last_key:
        return by_first
    if first_key and nicknames.full_names_of(first_key):
        # A form of names of either gender, as Sasha is: the family name says which.
        return family_gender(last_key)
    return None


def _tokens(text: str | None, guards: Guards) -> list[str]:
    """The words of a field without titles, unless nothing else stands there."""
    if not text or text.strip().casefold() in guards.blocked_names:
        return []
    found = words(text)
    kept = [word for word in found if spelling_key(word) not in _TITLES]
    return kept or found


def _patronymic_at(place: list[str], *, alone: bool) -> int | None:
    """Where a patronymic stands; a family name that looks like one and stands alone is none."""
    if alone:
        return None
    for at, word in enumerate(place):
        key = spelling_key(word)
        if (_SON.search(key) or _DAUGHTER.search(key)) and (len(place) > 1 or at == 0):
            return at
    return None


def _split(
    tokens: list[str], nicknames: Nicknames, first_at: int | None
) -> tuple[list[str], list[str]]:
    """(first, family) of a whole name: a known first name decides, then Russian endings.

    ``first_at``: where the first name stands, when a patronymic told it.
    """
    known = [bool(nicknames.full_names_of(_first_key(word, nicknames))) for word in tokens]
    ends = [bool(_FAMILY.search(family_key(word))) for word in tokens]
    if first_at is not None:
        pass
    elif (known[-1] and not known[0]) or (known[0] == known[-1] and ends[0] and not ends[-1]):
        first_at = len(tokens) - 1
    else:
        first_at = 0
    return [tokens[first_at]], [word for at, word in enumerate(tokens) if at != first_at]


def _is_swapped(given: str, family: str, nicknames: Nicknames) -> bool:
    """A Russian family name in the field of the first name, and a first name in the other."""
    first, last = _first_key(given, nicknames), _first_key(family, nicknames)
    return (
        not nicknames.full_names_of(first)
        and bool(nicknames.full_names_of(last))
        and bool(len(given) == 1 or _FAMILY.search(family_key(given)))
    )


def _first_key(word: str, nicknames: Nicknames) -> str:
    """The key of a first name; GOST 7.79 B writes х as x where that gives a name that is known."""
    key = spelling_key(word)
    if len(word) == 1:
        # An initial: Ж is Zh, and Ю is Yu or Iu.
        return key[:1]
    if "x" in word.casefold() and not nicknames.full_names_of(key):
        other = spelling_key(word.casefold().replace("x", "kh"))
        if nicknames.full_names_of(other):
            return other
    return key
