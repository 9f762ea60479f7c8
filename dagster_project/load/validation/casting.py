"""Casting: text to typed values, as SQL over a whole column.

A cell's SQL gives NULL where the text is no valid value; whether text was there then tells an
invalid value from an absent one. Decisions that hold for a whole column of a file (the order of
day and month, the decimal sign) come in as a ``ColumnFormat``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from dagster_project.contracts import DUCKDB_TYPES
from dagster_project.load.reading.header_matching import Field
from dagster_project.warehouse import quoted

BLANKS = "chr(32) || chr(9) || chr(10) || chr(13) || chr(160) || chr(65279)"
TRUE_WORDS = ("true", "t", "1", "1.0", "yes", "y", "да", "on")
FALSE_WORDS = ("false", "f", "0", "0.0", "no", "n", "нет", "off")
NUMBERS = ("money", "unit_price", "quantity", "rate", "score", "integer")

_OFFSET = r"\d{2}(\.\d+)?\s?(Z|z|UTC|GMT|[+-]\d{2}(:?\d{2})?)$"
# Shopify puts a space before the offset, others leave out its colon: the engine takes neither.
_ANY_OFFSET = r"\s?([+-]\d{2}):?(\d{2})$"


@dataclass(frozen=True)
class ColumnFormat:
    """How one column of one file is written, beyond the plain forms that are always understood.

    ``formats`` are strptime formats tried in order; ``decimal`` and ``thousands`` are signs;
    ``epoch`` counts seconds ("s") or milliseconds ("ms") since 1970. ``declared`` formats go before
    the plain forms, found ones after.
    """

    formats: tuple[str, ...] = ()
    decimal: str | None = None
    thousands: str | None = None
    epoch: str | None = None
    declared: bool = False


def trimmed(text: str) -> str:
    """SQL: ``text`` without surrounding white space of any kind; NULL when nothing is left."""
    # Trimming a set of characters costs five times as much as seeing that there is none.
    is_tight = f"ascii({text}) BETWEEN 33 AND 126 AND {text}[-1] BETWEEN '!' AND '~'"
    return f"CASE WHEN {is_tight} THEN {text} ELSE nullif(trim({text}, {BLANKS}), '') END"


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

    def around(self, source: str) -> str:
        """SQL of a relation with the columns of ``source`` and every step."""
        for layer in self._layers:
            if layer:
                source = f"(SELECT *, {', '.join(layer)} FROM {source})"
        return source


def cast_cell(
    field: Field,
    text: str,
    time_zone: str,
    computed: ComputedColumns,
    column_format: ColumnFormat | None = None,
) -> str:
    """SQL: the value of a field in its DuckDB type, from the SQL expression ``text``."""
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
    return field.type != "text" or bool(field.accepted_values) or bool(field.words)


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
    has_offset = computed.let(
        0,
        f"NOT (length({text}) = 19 AND {text}[17] = ':') AND length({text}) > 16 "
        f"AND regexp_matches({text}, {quoted(_OFFSET)})",
    )
    naive = f"TRY_CAST({text} AS TIMESTAMP)"
    if column_format and column_format.formats:
        naive = _either(
            naive, f"try_strptime({trimmed(text)}, {_listed(column_format)})", column_format
        )
    local = computed.let(1, f"CASE WHEN NOT {has_offset} THEN {naive} END")
    with_colon = f"regexp_replace({text}, {quoted(_ANY_OFFSET)}, '\\1:\\2')"
    instant = f"TRY_CAST({with_colon} AS TIMESTAMPTZ)"
    other = to_utc(local, time_zone)
    if column_format and column_format.epoch:
        other = f"coalesce({other}, {_since_1970(text, column_format.epoch)})"
    value = computed.let(
        2, f"CASE WHEN {has_offset} THEN timezone('UTC', {instant}) ELSE {other} END"
    )
    # Two-digit years read as years below 100, and 'infinity', are no dates of a business.
    return _between(value, "TIMESTAMP")


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
    return f"CASE WHEN {value} BETWEEN {kind} '1000-01-01' AND {kind} '9999-12-31' THEN {value} END"


def _date(text: str, computed: ComputedColumns, column_format: ColumnFormat | None) -> str:
    value = f"TRY_CAST({text} AS DATE)"
    if column_format and column_format.formats:
        tried = f"CAST(try_strptime({trimmed(text)}, {_listed(column_format)}) AS DATE)"
        value = _either(value, tried, column_format)
    return _between(computed.let(0, value), "DATE")


def _number(
    kind: str, text: str, computed: ComputedColumns, column_format: ColumnFormat | None
) -> str:
    if column_format and (column_format.decimal or column_format.thousands):
        text = plain_number(text, column_format)
    if kind != "integer":
        return f"TRY_CAST({text} AS {DUCKDB_TYPES[kind]})"
    # A cast alone would round 3.7 to 4; 4.0, as many exports write whole numbers, is one.
    number = computed.let(0, f"TRY_CAST({text} AS DOUBLE)")
    return (
        f"CASE WHEN regexp_full_match({text}, '\\s*[+-]?\\d+\\s*') "
        f"THEN TRY_CAST({text} AS BIGINT) "
        f"WHEN abs({number}) < 9e15 AND {number} = floor({number}) "
        f"THEN CAST({number} AS BIGINT) END"
    )


def plain_number(text: str, column_format: ColumnFormat) -> str:
    """SQL: a number's text with a point for the decimal sign and nothing between thousands."""
    plain = trimmed(text)
    if column_format.thousands == " ":
        plain = f"regexp_replace({plain}, '[\\s\\x{{00A0}}\\x{{202F}}]', '', 'g')"
    elif column_format.thousands:
        plain = f"replace({plain}, {quoted(column_format.thousands)}, '')"
    if column_format.decimal == ",":
        plain = f"replace({plain}, ',', '.')"
    return plain
