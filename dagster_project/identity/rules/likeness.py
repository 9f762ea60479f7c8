"""How alike two profiles are, field by field, as SQL over pairs of profiles ``a`` and ``b``.

Levels: 2 the same, 1 the same but for a typing error, a short form or an initial, 0 different, NULL
when either side has nothing.
"""

from collections.abc import Collection, Iterable

from dagster_project.identity.frames import Frame

# What of two profiles is compared: the columns a_first_key, b_first_key and so on.
_COMPARED = (
    "first_key", "first_names", "last_key", "last_names", "patronymic", "birth_date", "birth",
    "gender", "national_id", "email", "street", "house", "postal_code", "city",
)  # fmt: skip

# The cheaper measure stands before the dearer one, which it cannot contradict: Damerau-Levenshtein
# takes twenty times as long as Jaro-Winkler.
# One letter more, less, changed or swapped in a word of some length, or much alike from the start.
_ALIKE = (
    "({0} = {1} OR jaro_winkler_similarity({0}, {1}) >= 0.88 "
    "OR (least(length({0}), length({1})) >= 4 AND jaro_winkler_similarity({0}, {1}) >= 0.7 "
    "AND damerau_levenshtein({0}, {1}) <= 1))"
)


def names_alike(left: str, right: str) -> str:
    """SQL: two names are one but for a typing error. The model's level says the same."""
    return _ALIKE.format(left, right)


# First and last name exchanged, a short form in either place included.
_SWAPPED = """
    CASE WHEN is_first_the_last OR list_has_any(a_first_names, b_last_names)
        THEN coalesce(is_last_the_first OR list_has_any(a_last_names, b_first_names), false)
    ELSE false END"""

# One name stands in the other field and its own place is empty on one side.
_CROSSED = """
    coalesce(is_first_the_last, false) AND (b_first_key IS NULL OR a_last_key IS NULL)
    OR coalesce(is_last_the_first, false) AND (a_first_key IS NULL OR b_last_key IS NULL)"""

# Je, Jo, Ye and E are one sound with one key, so their initials are one letter; P may be Philip's.
_INITIALS = (
    "(translate(left(a_first_key, 1), 'e', 'i') = translate(left(b_first_key, 1), 'e', 'i') "
    "OR (a_first_key = 'p' AND starts_with(b_first_key, 'f')) "
    "OR (b_first_key = 'p' AND starts_with(a_first_key, 'f')))"
)

# Two names that people bear, and no forms of one: Anna and Yana, a letter apart, are no slip of the
# pen but two sisters.
_OTHER_NAMES = """
    len(a_first_names) > 0 AND len(b_first_names) > 0
    AND NOT list_has_any(a_first_names, b_first_names)"""

_FIRST = f"""
    CASE
        WHEN a_first_key IS NULL OR b_first_key IS NULL THEN NULL
        WHEN a_first_key = b_first_key OR list_has_any(a_first_names, b_first_names) THEN 2
        WHEN is_swapped THEN 2
        WHEN least(length(a_first_key), length(b_first_key)) = 1
            THEN CASE WHEN {_INITIALS} THEN 1 ELSE 0 END
        WHEN is_other_names THEN 0
        WHEN {names_alike("a_first_key", "b_first_key")} THEN 1
        WHEN is_crossed THEN 1
        ELSE 0
    END"""

_LAST = f"""
    CASE
        WHEN a_last_key IS NULL OR b_last_key IS NULL THEN NULL
        WHEN a_last_key = b_last_key THEN 2
        WHEN is_swapped THEN 2
        WHEN least(length(a_last_key), length(b_last_key)) = 1
            THEN CASE WHEN left(a_last_key, 1) = left(b_last_key, 1) THEN 1 ELSE 0 END
        WHEN {names_alike("a_last_key", "b_last_key")} THEN 1
        WHEN a_last_key = b_last_key || 'a' OR b_last_key = a_last_key || 'a' THEN 1
        WHEN is_crossed THEN 1
        WHEN least(length(a_last_key), length(b_last_key)) >= 4
            AND (contains(a_last_key, b_last_key) OR contains(b_last_key, a_last_key)) THEN 1
        ELSE 0
    END"""

# A first name stands on the other side as the family name, where the family names differ: first is
# not compared with first then. (Daniil Danilov and Nikolai Danilov are nothing of the kind.)
_EXCHANGED = """
    coalesce(is_first_the_last OR is_last_the_first, false) AND coalesce(last_level = 0, false)"""

# A first of January says no more than the year. Day and month are swapped by forms of another
# country; one wrong digit is a typing error.
_BIRTH = """
    CASE
        WHEN a_birth IS NULL OR b_birth IS NULL THEN NULL
        WHEN a_birth = b_birth THEN 2
        WHEN right(a_birth, 4) = '0101' OR right(b_birth, 4) = '0101'
            THEN CASE WHEN left(a_birth, 4) = left(b_birth, 4) THEN 1 ELSE NULL END
        WHEN left(a_birth, 4) = left(b_birth, 4)
            AND substr(a_birth, 5, 2) = right(b_birth, 2)
            AND right(a_birth, 2) = substr(b_birth, 5, 2) THEN 1
        WHEN damerau_levenshtein(a_birth, b_birth) <= 1 THEN 1
        ELSE 0
    END"""

_NATIONAL = """
    CASE
        WHEN a_national_id IS NULL OR b_national_id IS NULL THEN NULL
        WHEN a_national_id = b_national_id THEN 2
        WHEN damerau_levenshtein(a_national_id, b_national_id) <= 2 THEN 1
        ELSE 0
    END"""

# One digit wrong or two exchanged, as people mistype; numbers given one after the other, as to
# twins, differ in the last digit, or in more than one because of a check digit. Letters may follow.
_BEFORE_LAST = "regexp_replace({0}_national_id, '[0-9][^0-9]*$', '')"
_SLIP = f"""
    CASE WHEN damerau_levenshtein(a_national_id, b_national_id) = 1
        THEN {_BEFORE_LAST.format("a")} <> {_BEFORE_LAST.format("b")}
    ELSE false END"""

# First names that no typing error explains: a sister, a twin or a wife. A household shares the
# rest, so names that are only a little alike need something of the person's own.
_LETTERS = "jaccard(a_first_key, b_first_key)"
_OTHER_FIRST = f"""
    CASE
        WHEN first_level IS NULL OR first_level > 0 OR is_exchanged THEN false
        WHEN a_gender <> b_gender OR is_other_names THEN true
        WHEN least(length(a_first_key), length(b_first_key)) >= 4 AND {_LETTERS} >= 0.8
            THEN false
        WHEN birth_level >= 1 OR a_national_id = b_national_id OR is_national_slip
            OR damerau_levenshtein(a_email, b_email) <= 2
            THEN jaro_winkler_similarity(a_first_key, b_first_key) < 0.78 AND {_LETTERS} < 0.6
        ELSE true
    END"""

# Last names that no slip of the pen explains: Berger and Bergenko are much alike, and two people.
_OTHER_LAST = """
    CASE last_level
        WHEN 0 THEN true
        WHEN 1 THEN least(length(a_last_key), length(b_last_key)) > 1
            AND damerau_levenshtein(a_last_key, b_last_key) > 1
            AND NOT contains(a_last_key, b_last_key) AND NOT contains(b_last_key, a_last_key)
            AND NOT is_crossed
        ELSE false END"""

# Years between the dates of birth, unless one wrong digit explains them: at fourteen and more a
# parent and child of one name are likelier than one person.
_GENERATION = """
    CASE WHEN birth_level = 0 THEN abs(year(a_birth_date) - year(b_birth_date)) >= 14
        AND damerau_levenshtein(a_birth, b_birth) > 2
    ELSE false END"""

# Two living people by what their names say: a brother and a sister, a father and a son. Of names
# exchanged one of the two is a family name, which has no gender.
_OTHER_PERSON = """
    coalesce(a_gender <> b_gender AND first_level >= 1
        AND NOT (a_first_key <> b_first_key AND is_swapped), false)
    OR CASE WHEN a_patronymic <> b_patronymic
        THEN jaro_winkler_similarity(a_patronymic, b_patronymic) < 0.88
    ELSE false END"""

_SAME_HOME = """
    CASE WHEN a_house = b_house OR a_postal_code = b_postal_code OR a_city = b_city
        THEN coalesce(jaro_winkler_similarity(a_street, b_street) >= 0.85, false)
    ELSE false END"""

# Columns of a pair; each layer reads those of the layers before it. One after the other, as an
# expression within an expression is worked out again wherever it stands: 32 microseconds a pair, a
# fifth of that so (DuckDB 1.5, 2026-11).
LAYERS: tuple[dict[str, str], ...] = (
    {
        "is_first_the_last": names_alike("a_first_key", "b_last_key"),
        "is_last_the_first": names_alike("a_last_key", "b_first_key"),
        "is_other_names": f"coalesce({_OTHER_NAMES}, false)",
    },
    {"is_swapped": _SWAPPED, "is_crossed": _CROSSED},
    {
        "first_level": _FIRST,
        "last_level": _LAST,
        "birth_level": _BIRTH,
        "national_level": _NATIONAL,
        "is_national_slip": _SLIP,
    },
    {"is_exchanged": _EXCHANGED},
    {
        "is_other_first_name": _OTHER_FIRST,
        "is_other_last_name": _OTHER_LAST,
        "is_other_generation": _GENERATION,
        "is_other_person": _OTHER_PERSON,
        "is_other_gender": "coalesce(a_gender <> b_gender, false)",
        "is_same_home": _SAME_HOME,
    },
)


def compared(
    pairs: str | Frame, nodes: str | Frame, *, number: str = "rid", beside: str = ""
) -> str:
    """Query of ``pairs`` (rid_a, rid_b and whatever else) with the columns of :data:`LAYERS`.

    ``number``: the column of ``nodes`` that rid_a and rid_b speak of; ``beside``: further columns,
    a SELECT list over aliases ``a`` and ``b``. A condition on the result is best asked of a table
    of it, as DuckDB works out what it filters by a second time.
    """
    names = [(side, column) for side in "ab" for column in _COMPARED]
    sides = ", ".join(f"{side}.{column} AS {side}_{column}" for side, column in names)
    query = f"""
        SELECT p.*, {sides}{", " if beside else ""}{beside}
        FROM {pairs} AS p
        JOIN {nodes} AS a ON a.{number} = p.rid_a
        JOIN {nodes} AS b ON b.{number} = p.rid_b"""
    for layer in LAYERS:
        columns = ", ".join(f"{sql} AS {name}" for name, sql in layer.items())
        query = f"SELECT *, {columns} FROM ({query})"
    return (
        f"SELECT * EXCLUDE ({', '.join(f'{side}_{name}' for side, name in names)}) FROM ({query})"
    )


# Two profiles that are not one person, whatever else they share: another first name, or another
# generation, or another national id together with another name or birth date. An agreeing
# national id outweighs the first two; one with a slip does with a birth date, or a
# last name that no birth date speaks against. Read over the columns of LAYERS.
CONTRADICTIONS = {
    "two people by their names": """
        is_other_person AND NOT coalesce(national_level = 2 AND birth_level = 2, false)""",
    "another national id": """
        national_level = 0 AND (is_other_first_name OR (last_level = 0 AND birth_level = 0))""",
    "another first name": """
        is_other_first_name AND NOT coalesce(
            (national_level = 2 AND birth_level >= 1)
            OR (is_national_slip AND (birth_level = 2
                OR (last_level >= 1 AND birth_level IS DISTINCT FROM 0))),
            false)""",
    "another generation": "is_other_generation AND NOT coalesce(national_level >= 1, false)",
    "another name and birth date": """
        first_level = 0 AND last_level = 0 AND birth_level = 0 AND NOT is_exchanged""",
}


def any_of(conditions: Iterable[str]) -> str:
    """SQL: one of them holds; what is not known does not."""
    return f"coalesce({' OR '.join(f'({condition})' for condition in conditions)}, false)"


# Contradictions in two fields and no third, by the fields: twins, a father and son of one name,
# husband and wife with one national id. Where errors explain as many such pairs as there are
# (``field_errors``), these are no contradictions, and their weights decide. By a single field:
# where the second of the two is not known.
EXPLAINED = {
    ("first_name", "national_id"): (
        ("another national id", "another first name"),
        "is_other_first_name AND national_level < 2 AND birth_level IS DISTINCT FROM 0",
    ),
    ("birth_date", "national_id"): (
        ("another generation",),
        "is_other_generation AND national_level < 2 AND first_level >= 1",
    ),
    ("first_name", "birth_date"): (
        ("another first name",),
        "is_other_first_name AND (national_level = 2 OR is_national_slip) "
        "AND birth_level = 0 AND (last_level >= 1 OR is_same_home)",
    ),
    ("first_name",): (
        ("another first name",),
        "is_other_first_name AND (national_level = 2 OR is_national_slip) "
        "AND birth_level IS NULL AND (last_level >= 1 OR is_same_home)",
    ),
}


def contradicts(explained: Collection[tuple[str, ...]]) -> str:
    """SQL: two profiles are not one person; ``explained``: those of EXPLAINED that errors are."""
    found = dict(CONTRADICTIONS)
    for fields in explained:
        names, by_errors = EXPLAINED[fields]
        for name in names:
            if name in found:
                found[name] = f"({found[name]}) AND NOT coalesce({by_errors}, false)"
    return any_of(found.values())


# How much a contradiction weighs against links, in bits: a pair that says so outweighs a link or
# two that happen to hold, and gives way to several records that agree with both sides.
# What names two living people outweighs any.
CONTRADICTION_BITS = """
    CASE WHEN is_other_person THEN 30.0
        WHEN is_other_generation AND national_level IS NULL THEN 30.0
        ELSE 12.0 END"""
