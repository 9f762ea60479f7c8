"""Format inference: how a column writes dates and numbers, decided over the whole column."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

import duckdb

from dagster_project.contracts import SourceSettings
from dagster_project.load.validation.casting import (
    NUMBERS,
    ColumnFormat,
    currency_sign,
    number_pattern,
    trimmed,
    undecorated,
    without_zone,
)
from dagster_project.load.validation.record_rules import RecordSchema, ValidatedRecords, text_of
from dagster_project.warehouse import quoted

_CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H:%M:%S.%f")
_TIMES = ("", *(before + clock for clock in _CLOCKS for before in (" ", "T", ", ")))


def _with_times(dates: Sequence[str]) -> tuple[str, ...]:
    return tuple(date + time for date in dates for time in _TIMES)


# The year of two digits comes first: it does not fit a text with four, but not the reverse.
FAMILIES: dict[str, tuple[str, ...]] = {
    "day_first": _with_times([f"%d{s}%m{s}{year}" for s in "./- " for year in ("%y", "%Y")]),
    "month_first": _with_times([f"%m{s}%d{s}{year}" for s in "./- " for year in ("%y", "%Y")]),
    "year_first": _with_times([f"%y{s}%m{s}%d" for s in "./- "]),
    "long_year_first": (
        *_with_times([*(f"%Y{s}%m{s}%d" for s in "./- "), "%Y%m%d"]),
        "%Y%m%d%H%M%S",
        "%Y%m%dT%H%M%S",
    ),
    "named_month": (
        *_with_times(
            [
                f"%d{s}{month}{s}{year}"
                for s in " -/"
                for month in ("%b", "%B")
                for year in ("%y", "%Y")
            ]
        ),
        *_with_times(["%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y"]),
        "%a, %d %b %Y %H:%M:%S",
        "%a %b %d %H:%M:%S %Y",
    ),
}

# Families whose texts say by themselves which number is which.
UNAMBIGUOUS = ("long_year_first", "named_month")

# A column with more shapes of text than these is tried with every format.
MOST_SHAPES = 1000
# Twice what the longest time has: 30 September 2001, 11:11:11.000000 p.m.
LONGEST = 100
# Digits that are valid wherever a date or a time has as many: 2001-11-11 11:11:11.
_VALID_DIGITS = "20011111111111"

# (decimal, thousands): a group of thousands is exactly three digits. In order of preference.
NUMBER_STYLES: tuple[tuple[str, str | None], ...] = (
    (".", ","),
    (",", None),
    (",", "."),
    (",", " "),
    (".", " "),
    (".", "'"),
    (".", "_"),
    (",", "'"),
)


def declared_formats(schema: RecordSchema, settings: SourceSettings) -> dict[str, ColumnFormat]:
    """What the source's settings say about its columns; nothing where they are silent."""
    column_formats: dict[str, ColumnFormat] = {}
    for field in schema.fields:
        if field.type in ("timestamp", "date") and settings.date_formats:
            column_formats[field.name] = ColumnFormat(formats=settings.date_formats, declared=True)
        elif field.type in ("timestamp", "date") and settings.date_order:
            column_formats[field.name] = ColumnFormat(formats=_of_order(settings.date_order))
        if field.type in NUMBERS and (settings.decimal or settings.thousands):
            column_formats[field.name] = ColumnFormat(
                decimal=settings.decimal or ".", thousands=settings.thousands, declared=True
            )
    return column_formats


def narrowed_formats(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    schema: RecordSchema,
    column_formats: dict[str, ColumnFormat],
) -> dict[str, ColumnFormat]:
    """``column_formats`` without the many forms of a declared order that the texts do not have."""
    narrowed = dict(column_formats)
    for name, column_format in column_formats.items():
        if column_format.formats and not column_format.declared:
            texts = f"(SELECT {trimmed(text_of(schema, name))} AS t FROM {relation})"
            fitting = fitting_formats(con, texts, column_format.formats)
            formats = tuple(form for form in column_format.formats if form in fitting)
            # One at least: what is read by formats reads zones by itself, too.
            narrowed[name] = replace(column_format, formats=formats or column_format.formats[:1])
    return narrowed


def infer_formats(
    con: duckdb.DuckDBPyConnection,
    validated: ValidatedRecords,
    schema: RecordSchema,
    settings: SourceSettings,
    unparsed: dict[str, set[int]],
) -> dict[int, dict[str, tuple[ColumnFormat, str]]]:
    """For each file (by position) and unparsed field, its format and a word on how it was found.

    ``unparsed`` has, per field, the files in which some text was not understood. Fields whose
    texts fit no known form get no format: their cells stay invalid.
    """
    chosen: dict[int, dict[str, tuple[ColumnFormat, str]]] = {}
    types = {field.name: field.type for field in schema.fields}
    for name, files in unparsed.items():
        if types[name] in ("timestamp", "date"):
            found = _dates(con, validated, schema, settings, name, types[name], files)
        elif types[name] in NUMBERS:
            found = _numbers(con, validated, schema, settings, name, files)
        else:
            continue
        for file, column_format in found.items():
            chosen.setdefault(file, {})[name] = column_format
    return chosen


def _dates(
    con: duckdb.DuckDBPyConnection,
    validated: ValidatedRecords,
    schema: RecordSchema,
    settings: SourceSettings,
    name: str,
    kind: str,
    files: set[int],
) -> dict[int, tuple[ColumnFormat, str]]:
    text = trimmed(text_of(schema, name))
    of_files = f"_file IN ({', '.join(map(str, sorted(files)))})"
    families = _families(settings)
    fitting = fitting_formats(
        con,
        f"(SELECT {text} AS t FROM {validated.relation} WHERE {of_files})",
        [form for formats in families.values() for form in formats],
    )
    families = {
        family: tuple(form for form in formats if form in fitting)
        for family, formats in families.items()
    }
    counts = [
        f"count_if(try_strptime(t, [{', '.join(map(quoted, formats))}]) IS NOT NULL)"
        if formats
        else "0"
        for formats in families.values()
    ]
    if kind == "timestamp":
        counts += [
            "count_if(regexp_full_match(t, '\\d{9,10}(\\.\\d+)?'))",
            "count_if(regexp_full_match(t, '\\d{12,13}'))",
        ]
    rows = con.execute(
        f"SELECT _file, {', '.join(counts)} FROM (SELECT _file, {without_zone(text)} AS t "
        f"FROM {validated.relation} WHERE {validated.invalid[name]} "
        f"AND {of_files}) GROUP BY _file"
    ).fetchall()
    found: dict[int, tuple[ColumnFormat, str]] = {}
    names = [*families, "s", "ms"]
    for file, *numbers in rows:
        scores = dict(zip(names, numbers, strict=False))
        best = max(scores.values(), default=0)
        if best == 0:
            continue
        winners = [family for family, score in scores.items() if score == best]
        family, how = winners[0], winners[0]
        if {"day_first", "month_first"} <= set(winners):
            how = "day_first (ambiguous: every date fits both orders)"
        if family in ("s", "ms"):
            found[file] = (ColumnFormat(epoch=family), f"{family} since 1970")
        else:
            found[file] = (ColumnFormat(formats=families[family]), how)
    return found


def fitting_formats(
    con: duckdb.DuckDBPyConnection, relation: str, formats: Sequence[str]
) -> frozenset[str]:
    """Those of the strptime ``formats`` that a text like one of column ``t`` can be written in.

    Trying every format on every text takes 0.4 ms a text, 10 times as long as all the rest of the
    load. So each shape of text, its digits aside, is tried once, with digits that are valid
    everywhere: what is left out fits no text.
    """
    shape = f"regexp_replace({without_zone('t')}, '[0-9]', '9', 'g')"
    rows = con.execute(
        f"SELECT DISTINCT {shape} FROM {relation} "
        f"WHERE regexp_matches(t, '[0-9]') AND length(t) <= {LONGEST} LIMIT {MOST_SHAPES + 1}"
    ).fetchall()
    if not formats or len(rows) > MOST_SHAPES:
        return frozenset(formats)
    samples = {re.sub("9+", lambda run: _valid_digits(len(run[0])), shape) for (shape,) in rows}
    # Together first: to plan one expression for each of 660 formats takes 60 ms.
    groups = [formats[start : start + len(_TIMES)] for start in range(0, len(formats), len(_TIMES))]
    alone = [(form,) for group in _fitting(con, samples, groups) for form in group]
    return frozenset(form for (form,) in _fitting(con, samples, alone))


def _fitting(
    con: duckdb.DuckDBPyConnection, samples: Collection[str], groups: Sequence[Sequence[str]]
) -> list[Sequence[str]]:
    """Those of the ``groups`` of formats of which one fits a sample."""
    if not samples or not groups:
        return []
    tried = (
        f"bool_or(try_strptime(t, [{', '.join(map(quoted, group))}]) IS NOT NULL)"
        for group in groups
    )
    row = con.execute(
        f"SELECT {', '.join(tried)} FROM (SELECT unnest(?::VARCHAR[]) AS t)", [list(samples)]
    ).fetchone()
    return [group for group, fits in zip(groups, row or (), strict=True) if fits]


def _valid_digits(count: int) -> str:
    """So many digits: 1, 11, 200, 2001, and on to the second of a time."""
    return "1" * count if count < 3 else _VALID_DIGITS[:count].ljust(count, "1")


def _of_order(order: str) -> tuple[str, ...]:
    """The formats of a declared order, and those that no order is needed for."""
    return tuple(form for name in (order, *UNAMBIGUOUS) for form in FAMILIES[name])


def _families(settings: SourceSettings) -> dict[str, tuple[str, ...]]:
    """The families that may be found: none beside what the source declares."""
    declares = settings.date_order or settings.date_formats
    return {} if declares else FAMILIES


def _numbers(
    con: duckdb.DuckDBPyConnection,
    validated: ValidatedRecords,
    schema: RecordSchema,
    settings: SourceSettings,
    name: str,
    files: set[int],
) -> dict[int, tuple[ColumnFormat, str]]:
    styles = _number_formats(settings)
    text = trimmed(text_of(schema, name))
    counts = [
        f"count_if(regexp_full_match({column}, {quoted(number_pattern(style))}))"
        for column in ("t", "u")
        for style in styles
    ]
    rows = con.execute(
        f"SELECT _file, count_if(NOT {validated.invalid[name]}), "
        f"count(DISTINCT nullif({currency_sign('t')}, '')), {', '.join(counts)} "
        f"FROM (SELECT *, {undecorated('t')} AS u FROM (SELECT *, {text} AS t "
        f"FROM {validated.relation})) WHERE t IS NOT NULL "
        f"AND _file IN ({', '.join(map(str, sorted(files)))}) GROUP BY _file"
    ).fetchall()
    found: dict[int, tuple[ColumnFormat, str]] = {}
    for file, plain, currencies, *scores in rows:
        bare, undone = scores[: len(styles)], scores[len(styles) :]
        # Amounts in two currencies in one column are no numbers: their signs say what they are.
        is_decorated = max(undone) > max(bare) and currencies < 2
        scores = undone if is_decorated else bare
        best = max(scores)
        if best <= plain:
            continue
        winners = [s for s, score in zip(styles, scores, strict=True) if score == best]
        style, how = winners[0], ""
        signs = {(s.decimal, s.thousands) for s in winners}
        if {(".", ","), (",", None)} <= signs:
            how = " (ambiguous: every number fits both)"
        found[file] = (
            replace(style, decorated=is_decorated),
            f"decimal {style.decimal} thousands {style.thousands or 'none'}{how}",
        )
    return found


def _number_formats(settings: SourceSettings) -> list[ColumnFormat]:
    """The formats that may be found, those that contradict a declared sign left out."""
    fitting = [
        ColumnFormat(decimal=decimal, thousands=thousands)
        for decimal, thousands in NUMBER_STYLES
        if settings.decimal in (None, decimal) and settings.thousands in (None, thousands)
    ]
    declared = ColumnFormat(decimal=settings.decimal or ".", thousands=settings.thousands)
    return fitting or [declared]
