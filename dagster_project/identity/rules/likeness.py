"""How alike two profiles are, field by field, as SQL over two aliases ``a`` and ``b``.

Levels: 2 the same, 1 the same but for a typing error, a short form or an initial, 0 different, NULL
when either side has nothing.
"""

from collections.abc import Collection, Iterable

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
_SWAPPED = (
    "(coalesce("
    f"({names_alike('a.first_key', 'b.last_key')} OR list_has_any(a.first_names, b.last_names)) "
    f"AND ({names_alike('a.last_key', 'b.first_key')} "
    "OR list_has_any(a.last_names, b.first_names)), false))"
)

# One name stands in the other field and its own place is empty on one side.
_CROSSED = (
    f"(coalesce({names_alike('a.first_key', 'b.last_key')}, false) "
    "AND (b.first_key IS NULL OR a.last_key IS NULL) "
    f"OR coalesce({names_alike('a.last_key', 'b.first_key')}, false) "
    "AND (a.first_key IS NULL OR b.last_key IS NULL))"
)

# Je, Jo, Ye and E are one sound with one key, so their initials are one letter; P may be Philip's.
_INITIALS = (
    "(translate(left(a.first_key, 1), 'e', 'i') = translate(left(b.first_key, 1), 'e', 'i') "
    "OR (a.first_key = 'p' AND starts_with(b.first_key, 'f')) "
    "OR (b.first_key = 'p' AND starts_with(a.first_key, 'f')))"
)

# Two names that people bear, and no forms of one: Anna and Yana, a letter apart, are no slip of the
# pen but two sisters.
_OTHER_NAMES = (
    "(len(a.first_names) > 0 AND len(b.first_names) > 0 "
    "AND NOT list_has_any(a.first_names, b.first_names))"
)

_FIRST = f"""
    CASE
        WHEN a.first_key IS NULL OR b.first_key IS NULL THEN NULL
        WHEN a.first_key = b.first_key OR list_has_any(a.first_names, b.first_names) THEN 2
        WHEN {_SWAPPED} THEN 2
        WHEN least(length(a.first_key), length(b.first_key)) = 1
            THEN CASE WHEN {_INITIALS} THEN 1 ELSE 0 END
        WHEN {_OTHER_NAMES} THEN 0
        WHEN {names_alike("a.first_key", "b.first_key")} THEN 1
        WHEN {_CROSSED} THEN 1
        ELSE 0
    END"""

_LAST = f"""
    CASE
        WHEN a.last_key IS NULL OR b.last_key IS NULL THEN NULL
        WHEN a.last_key = b.last_key THEN 2
        WHEN {_SWAPPED} THEN 2
        WHEN least(length(a.last_key), length(b.last_key)) = 1
            THEN CASE WHEN left(a.last_key, 1) = left(b.last_key, 1) THEN 1 ELSE 0 END
        WHEN {names_alike("a.last_key", "b.last_key")} THEN 1
        WHEN a.last_key = b.last_key || 'a' OR b.last_key = a.last_key || 'a' THEN 1
        WHEN {_CROSSED} THEN 1
        WHEN least(length(a.last_key), length(b.last_key)) >= 4
            AND (contains(a.last_key, b.last_key) OR contains(b.last_key, a.last_key)) THEN 1
        ELSE 0
    END"""

# A first name stands on the other side as the family name, where the family names differ: first is
# not compared with first then. (Daniil Danilov and Nikolai Danilov are nothing of the kind.)
_EXCHANGED = f"""
    (coalesce({names_alike("a.first_key", "b.last_key")}, false)
        OR coalesce({names_alike("a.last_key", "b.first_key")}, false))
        AND coalesce(({_LAST}) = 0, false)"""

# A first of January says no more than the year. Day and month are swapped by forms of another
# country; one wrong digit is a typing error.
_BIRTH = """
    CASE
        WHEN a.birth_date IS NULL OR b.birth_date IS NULL THEN NULL
        WHEN a.birth_date = b.birth_date THEN 2
        WHEN strftime(a.birth_date, '%m%d') = '0101' OR strftime(b.birth_date, '%m%d') = '0101'
            THEN CASE WHEN year(a.birth_date) = year(b.birth_date) THEN 1 ELSE NULL END
        WHEN year(a.birth_date) = year(b.birth_date) AND month(a.birth_date) = day(b.birth_date)
            AND day(a.birth_date) = month(b.birth_date) THEN 1
        WHEN damerau_levenshtein(strftime(a.birth_date, '%Y%m%d'), strftime(b.birth_date, '%Y%m%d'))
            <= 1 THEN 1
        ELSE 0
    END"""

_NATIONAL = """
    CASE
        WHEN a.national_id IS NULL OR b.national_id IS NULL THEN NULL
        WHEN a.national_id = b.national_id THEN 2
        WHEN damerau_levenshtein(a.national_id, b.national_id) <= 2 THEN 1
        ELSE 0
    END"""

# One digit wrong or two exchanged, as people mistype; numbers given one after the other, as to
# twins, differ in the last digit, or in more than one because of a check digit. Letters may follow.
_BEFORE_LAST = "regexp_replace({0}.national_id, '[0-9][^0-9]*$', '')"
_SLIP = f"""
    coalesce(damerau_levenshtein(a.national_id, b.national_id) = 1
        AND {_BEFORE_LAST.format("a")} <> {_BEFORE_LAST.format("b")}, false)"""

# First names that no typing error explains: a sister, a twin or a wife. A household shares the
# rest, so names that are only a little alike need something of the person's own.
_LETTERS = "jaccard(a.first_key, b.first_key)"
_OTHER_FIRST = f"""
    coalesce(
        ({_FIRST}) = 0 AND NOT ({_EXCHANGED}) AND CASE
            WHEN a.gender <> b.gender OR {_OTHER_NAMES} THEN true
            WHEN least(length(a.first_key), length(b.first_key)) >= 4 AND {_LETTERS} >= 0.8
                THEN false
            WHEN ({_BIRTH}) >= 1 OR a.national_id = b.national_id OR {_SLIP}
                OR damerau_levenshtein(a.email, b.email) <= 2
                THEN jaro_winkler_similarity(a.first_key, b.first_key) < 0.78 AND {_LETTERS} < 0.6
            ELSE true
        END, false)"""

# Last names that no slip of the pen explains: Berger and Bergenko are much alike, and two people.
_OTHER_LAST = f"""
    coalesce(CASE ({_LAST})
        WHEN 0 THEN true
        WHEN 1 THEN least(length(a.last_key), length(b.last_key)) > 1
            AND damerau_levenshtein(a.last_key, b.last_key) > 1
            AND NOT contains(a.last_key, b.last_key) AND NOT contains(b.last_key, a.last_key)
            AND NOT {_CROSSED}
        ELSE false END, false)"""

# Years between the dates of birth, NULL where one wrong digit explains them: at fourteen and more a
# parent and child of one name are likelier than one person.
_GENERATION = f"""
    CASE WHEN ({_BIRTH}) = 0 THEN abs(year(a.birth_date) - year(b.birth_date)) >= 14
        AND damerau_levenshtein(
            strftime(a.birth_date, '%Y%m%d'), strftime(b.birth_date, '%Y%m%d')) > 2
    ELSE false END"""

# Two living people by what their names say: a brother and a sister, a father and a son. Of names
# exchanged one of the two is a family name, which has no gender.
_OTHER_PERSON = f"""
    coalesce(a.gender <> b.gender AND ({_FIRST}) >= 1
        AND NOT (a.first_key <> b.first_key AND {_SWAPPED}), false)
    OR coalesce(a.patronymic <> b.patronymic
        AND jaro_winkler_similarity(a.patronymic, b.patronymic) < 0.88, false)"""

# Levels of a pair, for a SELECT list.
LEVELS = f"""
    {_FIRST} AS first_level,
    {_LAST} AS last_level,
    {_BIRTH} AS birth_level,
    {_NATIONAL} AS national_level,
    {_SLIP} AS is_national_slip,
    {_OTHER_FIRST} AS is_other_first_name,
    {_OTHER_LAST} AS is_other_last_name,
    ({_EXCHANGED}) AS is_exchanged,
    {_GENERATION} AS is_other_generation,
    ({_OTHER_PERSON}) AS is_other_person,
    coalesce(a.gender <> b.gender, false) AS is_other_gender,
    coalesce(jaro_winkler_similarity(a.street, b.street) >= 0.85
        AND (a.house = b.house OR a.postal_code = b.postal_code OR a.city = b.city), false)
        AS is_same_home"""

# Two profiles that are not one person, whatever else they share: another first name, or another
# generation, or another national id together with another name or birth date. An agreeing
# national id outweighs the first two; one with a slip does with a birth date, or a
# last name that no birth date speaks against. Read over the columns of LEVELS.
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
