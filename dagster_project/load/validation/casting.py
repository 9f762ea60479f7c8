"""Casting: text to typed values, as SQL over a whole column.

A cell's SQL gives NULL where the text is no valid value; whether text was there then tells an
invalid value from an absent one. Decisions that hold for a whole column of a file (the order of
day and month, the decimal sign) come in as a ``ColumnFormat``.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from dagster_project.contracts import READ_TYPES
from dagster_project.contracts.currencies import CURRENCIES
from dagster_project.load.reading.header_matching import Field
from dagster_project.warehouse import quoted

_BLANKS = ("chr(32)", "chr(9)", "chr(10)", "chr(13)", "chr(160)", "chr(65279)")
BLANKS = " || ".join(_BLANKS)
TRUE_WORDS = ("true", "t", "1", "1.0", "yes", "y", "да", "on")
FALSE_WORDS = ("false", "f", "0", "0.0", "no", "n", "нет", "off")
NUMBERS = ("money", "unit_price", "quantity", "rate", "score", "integer")

# What stands around a number without changing it: a sign, a code of three letters, a short word.
_CURRENCY = r"[$€£¥₽₴₸₺₹₩₪₫฿₱₦₡₲₵₾₼]|[A-Z]{3}|(?:руб|грн|тг)\.?|р\.|\bkr\b\.?|zł"
# Brackets around a number, or a minus behind it or apart from it.
_NEGATIVE = r"\((.*)\)|([^-]+)-|-\s+(.*)"
# No number that a DECIMAL of this package can hold has its point further away than this.
_FURTHEST_POINT = 60
_EXPONENT = r"\s*([+-]?)(\d*)\.?(\d*)[eE]([+-]?\d{1,5})\s*"

# Hours that abbreviations are away from UTC: those of RFC 2822, and the European ones.
ZONE_HOURS = {
    **{"UT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3},
    **{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
}
_UTC_WORDS = ("Z", "z", "UTC", "GMT")
# A time of the day with a zone behind it; the zone is the last group.
_ZONED = (
    r"(:\d{2}([.,]\d+)?(\s?[APap]\.?[Mm]\.?)?|T\d{4,6})\s?"
    rf"({'|'.join((*_UTC_WORDS, *ZONE_HOURS))}|(?:UTC|GMT)?[+-]\d{{1,2}}(?::?\d{{2}})?)$"
)
_ZONE_GROUP = 4
# Shopify puts a space before the offset, others leave out its colon: the engine takes neither.
_ANY_OFFSET = r"\s?([+-]\d{2}):?(\d{2})$"


@dataclass(frozen=True)
class ColumnFormat:
    """How one column of one file is written, beyond the plain forms that are always understood.

    ``formats`` are strptime formats tried in order; ``decimal`` and ``thousands`` are signs;
    ``epoch`` counts seconds ("s") or milliseconds ("ms") since 1970. ``declared`` formats go before
    the plain forms, found ones after. ``decorated`` numbers bear currency or percent signs, a
    minus behind them or brackets for one.
    """

    formats: tuple[str, ...] = ()
    decimal: str | None = None
    thousands: str | None = None
    epoch: str | None = None
    declared: bool = False
    decorated: bool = False


def trimmed(text: str) -> str:
    """SQL: ``text`` without surrounding white space of any kind; NULL when nothing is left."""
    # Trimming a set of characters costs five times as much as seeing that there is none of them.
    ends = " OR ".join(f"suffix({text}, {blank})" for blank in _BLANKS)
    # Of the blanks all but two come before the first sign in the order of bytes.
    is_loose = f"{text} < '!' OR prefix({text}, chr(160)) OR prefix({text}, chr(65279)) OR {ends}"
    return f"CASE WHEN {is_loose} THEN nullif(trim({text}, {BLANKS}), '') ELSE {text} END"


class ComputedColumns:
    """Intermediate columns, computed once each in nested SELECTs.

    DuckDB evaluates an expression again wherever a CASE repeats it; a column of an inner SELECT
    is evaluated once.
    """

    def __init__(self) -> None:
        self._layers: list[list[str]] = []
        self._count = 0

    def let(self, depth: int, sql: str) -> str:
        """Name the value of ``sql``, which may use the source's columns and shallower names."""
        while len(self._layers) <= depth:
            self._layers.append([])
        self._count += 1
        name = f"_step_{self._count}"
        self._layers[depth].append(f"{sql} AS {name}")
        return name

    def around(self, source: str, kept: Collection[str]) -> str:
        """SQL of a relation with the columns of ``source`` and the ``kept`` steps."""
        for layer in self._layers:
            if layer:
                source = f"(SELECT *, {', '.join(layer)} FROM {source})"
        steps = (f"_step_{number + 1}" for number in range(self._count))
        dropped = [step for step in steps if step not in kept]
        return f"(SELECT * EXCLUDE ({', '.join(dropped)}) FROM {source})" if dropped else source


def cast_cell(
    field: Field,
    text: str,
    time_zone: str,
    computed: ComputedColumns,
    column_format: ColumnFormat | None = None,
) -> str:
    """SQL: the value of a field in its DuckDB type, from the SQL expression ``text``."""
    if field.is_currency:
        code = f"upper({trimmed(text)})"
        return f"CASE WHEN {code} IN ({', '.join(map(quoted, CURRENCIES))}) THEN {code} END"
    if field.words:
        return _lookup(text, trimmed(text), field.words)
    if field.accepted_values:
        return _lookup(
            text,
            f"replace(replace({trimmed(text)}, ' ', '_'), '-', '_')",
            tuple((value, value) for value in field.accepted_values),
        )
    if field.type == "text":
        return trimmed(text) if field.trimmed else _text(field, text)
    if field.type == "boolean":
        return (
            f"CASE lower({trimmed(text)}) {_whens(TRUE_WORDS, 'true')} "
            f"{_whens(FALSE_WORDS, 'false')} END"
        )
    if field.type == "timestamp":
        return _timestamp(text, time_zone, computed, column_format)
    if field.type == "date":
        return _date(text, computed, column_format)
    return _number(field.type, text, computed, column_format)


def can_fail(field: Field) -> bool:
    """Whether a text that is there can be no valid value of the field."""
    is_listed = field.is_currency or bool(field.accepted_values) or bool(field.words)
    return field.type != "text" or is_listed


def _text(field: Field, text: str) -> str:
    # A required text that is all blanks says nothing.
    return f"CASE WHEN {trimmed(text)} IS NOT NULL THEN {text} END" if field.required else text


def _whens(words: tuple[str, ...], value: str) -> str:
    return " ".join(f"WHEN {quoted(word)} THEN {value}" for word in words)


def _lookup(text: str, word: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """SQL: the value of ``text`` where it is one as it stands, else of the ``word`` made of it."""
    values = ", ".join(quoted(value) for value in dict.fromkeys(value for _, value in pairs))
    whens = " ".join(f"WHEN {quoted(key)} THEN {quoted(value)}" for key, value in pairs)
    return f"CASE WHEN {text} IN ({values}) THEN {text} ELSE CASE lower({word}) {whens} END END"


def _timestamp(
    text: str, time_zone: str, computed: ComputedColumns, column_format: ColumnFormat | None
) -> str:
    # 2024-01-02 10:00:00 is nearly every cell: its shape is told without a regular expression.
    has_zone = computed.let(
        0,
        f"CASE WHEN {text} LIKE '_____________:__:__' THEN false "
        f"ELSE length({text}) > 11 AND regexp_matches({text}, {quoted(_ZONED)}) END",
    )
    local = computed.let(1, f"CASE WHEN NOT {has_zone} THEN {_naive(text, column_format)} END")
    with_colon = f"regexp_replace({text}, {quoted(_ANY_OFFSET)}, '\\1:\\2')"
    instant = f"timezone('UTC', TRY_CAST({with_colon} AS TIMESTAMPTZ))"
    if column_format and column_format.formats:
        bare = computed.let(1, f"CASE WHEN {has_zone} THEN {without_zone(text)} END")
        instant = f"{_naive(bare, column_format)} - to_seconds({_zone_seconds(text)})"
    other = to_utc(local, time_zone)
    if column_format and column_format.epoch:
        other = f"coalesce({other}, {_since_1970(text, column_format.epoch)})"
    value = computed.let(2, f"CASE WHEN {has_zone} THEN {instant} ELSE {other} END")
    return _between(value, "TIMESTAMP")


def _naive(text: str, column_format: ColumnFormat | None) -> str:
    """SQL: a time without its zone, in a plain form or one of the column's formats."""
    plain = f"TRY_CAST({text} AS TIMESTAMP)"
    if not column_format:
        return plain
    plain = _four_digit_year(plain, "TIMESTAMP")
    if not column_format.formats:
        return plain
    tried = f"try_strptime({trimmed(text)}, {_listed(column_format)})"
    return _either(plain, tried, column_format)


def without_zone(text: str) -> str:
    """SQL: a timestamp's text without the zone or offset at its end."""
    return f"regexp_replace({text}, {quoted(_ZONED)}, '\\1')"


def _zone_seconds(text: str) -> str:
    """SQL: seconds that the zone at the end of a timestamp's text is ahead of UTC."""
    zone = f"regexp_extract({text}, {quoted(_ZONED)}, {_ZONE_GROUP})"
    words = " ".join(
        f"WHEN {quoted(word)} THEN {hours * 3600}"
        for word, hours in {**dict.fromkeys(_UTC_WORDS, 0), **ZONE_HOURS}.items()
    )

    def part(group: int) -> str:
        return f"regexp_extract({zone}, '([+-])(\\d{{1,2}}):?(\\d{{2}})?$', {group})"

    seconds = (
        f"(CAST({part(2)} AS INTEGER) * 3600 + coalesce(TRY_CAST({part(3)} AS INTEGER), 0) * 60)"
    )
    return (
        f"CASE {zone} {words} ELSE CASE {part(1)} WHEN '-' THEN -{seconds} ELSE {seconds} END END"
    )


def to_utc(local: str, time_zone: str) -> str:
    """SQL: local times of ``time_zone`` as UTC.

    A local time that does not exist moves forward; of two equal ones the first is taken. Spelt
    out from the zone's changes, newest first, because ICU takes the second of two equal times
    and needs twenty times as long.
    """
    first, changes = _offsets(time_zone)
    if not changes:
        return local if first == 0 else f"{local} - INTERVAL ({first}) SECOND"
    whens = " ".join(
        f"WHEN {local} >= TIMESTAMP '{since}' THEN {local} - INTERVAL ({offset}) SECOND"
        for since, offset in reversed(changes)
    )
    return f"CASE {whens} ELSE {local} - INTERVAL ({first}) SECOND END"


@cache
def _offsets(time_zone: str) -> tuple[int, tuple[tuple[datetime, int], ...]]:
    """A zone's offset from UTC in 1900, and (local time since, offset) of every later change.

    Offsets are seconds. Until 2100; from then on the last one holds.
    """
    zone = ZoneInfo(time_zone)

    def offset(instant: datetime) -> int:
        found = instant.replace(tzinfo=UTC).astimezone(zone).utcoffset()
        return int(found.total_seconds()) if found else 0

    day, end = datetime(1900, 1, 1), datetime(2100, 1, 1)
    first = before = offset(day)
    changes = []
    while day < end:
        following = day + timedelta(days=7)
        after = offset(following)
        if after != before:
            low, high = day, following
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            # Until the later of the two readings of the clock the old offset holds: that moves
            # times that do not exist forward and takes the first of two equal ones.
            changes.append(
                (high.replace(microsecond=0) + timedelta(seconds=max(before, after)), after)
            )
            before = after
        day = following
    return first, tuple(changes)


def _since_1970(text: str, unit: str) -> str:
    micros = 1_000_000 if unit == "s" else 1_000
    number = f"TRY_CAST({text} AS DOUBLE)"
    return (
        f"CASE WHEN abs({number}) < 1e14 "
        f"THEN make_timestamp(CAST(round({number} * {micros}) AS BIGINT)) END"
    )


def _listed(column_format: ColumnFormat) -> str:
    return f"[{', '.join(quoted(form) for form in column_format.formats)}]"


def _either(plain: str, tried: str, column_format: ColumnFormat) -> str:
    return (
        f"coalesce({tried}, {plain})" if column_format.declared else f"coalesce({plain}, {tried})"
    )


def _between(value: str, kind: str) -> str:
    # 'infinity' is no date of a business.
    return f"CASE WHEN {value} BETWEEN {kind} '1000-01-01' AND {kind} '9999-12-31' THEN {value} END"


def _four_digit_year(value: str, kind: str) -> str:
    """SQL: a plain date, unless its cast took a year of two digits for one below 100.

    ``31/12/25`` is the year 31 to the engine; such texts are left to the found formats. Without
    any, ``_between`` refuses them.
    """
    return f"CASE WHEN {value} >= {kind} '1000-01-01' THEN {value} END"


def _date(text: str, computed: ComputedColumns, column_format: ColumnFormat | None) -> str:
    value = f"TRY_CAST({text} AS DATE)"
    if column_format and column_format.formats:
        value = _four_digit_year(value, "DATE")
        tried = f"CAST(try_strptime({trimmed(text)}, {_listed(column_format)}) AS DATE)"
        value = _either(value, tried, column_format)
    return _between(computed.let(0, value), "DATE")


def _number(
    kind: str, text: str, computed: ComputedColumns, column_format: ColumnFormat | None
) -> str:
    if column_format and (
        column_format.decimal or column_format.thousands or column_format.decorated
    ):
        text = computed.let(0, plain_number(text, column_format))
    digits = computed.let(1, without_exponent(text))
    if kind != "integer":
        return f"TRY_CAST({digits} AS {READ_TYPES[kind]})"
    # A cast would round 3.7 to 4; 4.0, as many exports write whole numbers, is one.
    return (
        f"CASE WHEN regexp_full_match({digits}, '\\s*[+-]?(\\d+(\\.0*)?|\\.0+)\\s*') "
        f"THEN TRY_CAST({digits} AS BIGINT) END"
    )


def without_exponent(text: str) -> str:
    """SQL: a number's text with its exponent worked into its digits; other text as it is.

    The engine's own cast of ``8.9e-16`` to a DECIMAL gives 0.01: it rounds by the first digit,
    wherever the point is. It does round plain digits half up.
    """

    def part(group: int) -> str:
        return f"regexp_extract({text}, {quoted(_EXPONENT)}, {group})"

    digits = f"({part(2)} || {part(3)})"
    point = f"(length({part(2)}) + CAST({part(4)} AS INTEGER))"
    far = _FURTHEST_POINT
    return (
        f"CASE WHEN contains(lower({text}), 'e') AND "
        f"regexp_full_match({text}, {quoted(_EXPONENT)}) AND length({digits}) > 0 "
        f"THEN {part(1)} || CASE "
        f"WHEN {point} <= 0 THEN '0.' || repeat('0', least(-{point}, {far})) || {digits} "
        f"WHEN {point} >= length({digits}) "
        f"THEN {digits} || repeat('0', least({point} - length({digits}), {far})) "
        f"ELSE left({digits}, {point}) || '.' || substr({digits}, {point} + 1) END "
        f"ELSE {text} END"
    )


def currency_sign(text: str) -> str:
    """SQL: the currency sign or code in a number's text; empty without one."""
    return f"regexp_extract({text}, {quoted(_CURRENCY)})"


def undecorated(text: str) -> str:
    """SQL: a trimmed number's text without currency and percent signs, its minus in front.

    A minus behind the number, a typographic minus, and brackets around it mean the same.
    """
    bare = f"regexp_replace({text}, '[\\x{{2212}}\\x{{2013}}]', '-', 'g')"
    bare = f"trim(regexp_replace({bare}, {quoted(_CURRENCY + '|%')}, '', 'g'), {BLANKS})"
    negative = f"regexp_extract({bare}, {quoted(_NEGATIVE)}, ['a', 'b', 'c'])"
    return (
        f"CASE WHEN regexp_matches({text}, '[A-Z]{{4}}') THEN {text} "
        f"WHEN regexp_full_match({bare}, {quoted(_NEGATIVE)}) THEN '-' || "
        f"trim({negative}.a || {negative}.b || {negative}.c, {BLANKS}) ELSE {bare} END"
    )


def number_pattern(column_format: ColumnFormat) -> str:
    """A regular expression that a number in this format matches as a whole.

    Groups of thousands have three digits; before the last, two as well, as India writes them.
    """
    point = "\\." if column_format.decimal != "," else ","
    whole = "\\d+"
    if column_format.thousands:
        sign = {".": "\\.", " ": "[\\s\\x{00A0}\\x{202F}]"}.get(
            column_format.thousands, column_format.thousands
        )
        whole = f"(\\d{{1,3}}({sign}\\d{{2,3}})*{sign}\\d{{3}}|\\d+)"
    return f"[+-]?({whole}({point}\\d*)?|{point}\\d+)([eE][+-]?\\d+)?"


def plain_number(text: str, column_format: ColumnFormat) -> str:
    """SQL: a number's text with a point for the decimal sign and nothing between thousands.

    NULL where the text is no number in this format: ``1,5`` among ``1,234.50`` is not 15.
    """
    given = trimmed(text)
    bare = undecorated(given) if column_format.decorated else given
    plain = bare
    if column_format.thousands == " ":
        plain = f"regexp_replace({plain}, '[\\s\\x{{00A0}}\\x{{202F}}]', '', 'g')"
    elif column_format.thousands:
        plain = f"replace({plain}, {quoted(column_format.thousands)}, '')"
    if column_format.decimal == ",":
        plain = f"replace({plain}, ',', '.')"
    if column_format.decorated:
        plain = f"{plain} || CASE WHEN contains({text}, '%') THEN 'e-2' ELSE '' END"
    pattern = quoted(number_pattern(column_format))
    return f"CASE WHEN regexp_full_match({bare}, {pattern}) THEN {plain} END"
