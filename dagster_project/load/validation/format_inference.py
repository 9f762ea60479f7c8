"""Format inference: how a column writes dates and numbers, decided over the whole column."""

from collections.abc import Sequence

import duckdb

from dagster_project.contracts import SourceSettings
from dagster_project.load.validation.casting import NUMBERS, ColumnFormat, trimmed
from dagster_project.load.validation.record_rules import RecordSchema, ValidatedRecords, text_of
from dagster_project.warehouse import quoted

_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S")


def _with_times(dates: Sequence[str]) -> tuple[str, ...]:
    return tuple(date + time for date in dates for time in _TIMES)


# The year of two digits comes first: it does not fit a text with four, but not the reverse.
FAMILIES: dict[str, tuple[str, ...]] = {
    "day_first": _with_times([f"%d{s}%m{s}{year}" for s in "./- " for year in ("%y", "%Y")]),
    "month_first": _with_times([f"%m{s}%d{s}{year}" for s in "./- " for year in ("%y", "%Y")]),
    "year_first": (
        *_with_times(["%Y.%m.%d", "%Y%m%d"]),
        "%Y%m%d%H%M%S",
        "%Y%m%dT%H%M%S",
        *_with_times(["%y-%m-%d", "%y/%m/%d"]),
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
        if field.type in NUMBERS and (settings.decimal or settings.thousands):
            column_formats[field.name] = ColumnFormat(
                decimal=settings.decimal or ".", thousands=settings.thousands, declared=True
            )
    return column_formats


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
    counts = [
        f"count_if(try_strptime(t, [{', '.join(map(quoted, formats))}]) IS NOT NULL)"
        for formats in FAMILIES.values()
    ]
    if kind == "timestamp":
        counts += [
            "count_if(regexp_full_match(t, '\\d{9,10}(\\.\\d+)?'))",
            "count_if(regexp_full_match(t, '\\d{12,13}'))",
        ]
    rows = con.execute(
        f"SELECT _file, {', '.join(counts)} FROM (SELECT _file, {text} AS t "
        f"FROM {validated.relation} WHERE {validated.invalid[name]} "
        f"AND _file IN ({', '.join(map(str, sorted(files)))})) GROUP BY _file"
    ).fetchall()
    found: dict[int, tuple[ColumnFormat, str]] = {}
    names = [*FAMILIES, "s", "ms"]
    for file, *numbers in rows:
        scores = dict(zip(names, numbers, strict=False))
        best = max(scores.values())
        if best == 0:
            continue
        winners = [family for family, score in scores.items() if score == best]
        family, how = winners[0], winners[0]
        if {"day_first", "month_first"} <= set(winners):
            family = "month_first" if settings.date_order == "month_first" else "day_first"
            how = (
                f"{family} (set)"
                if settings.date_order
                else f"{family} (ambiguous: every date fits both orders)"
            )
        if family in ("s", "ms"):
            found[file] = (ColumnFormat(epoch=family), f"{family} since 1970")
        else:
            found[file] = (ColumnFormat(formats=FAMILIES[family]), how)
    return found


def _numbers(
    con: duckdb.DuckDBPyConnection,
    validated: ValidatedRecords,
    schema: RecordSchema,
    settings: SourceSettings,
    name: str,
    files: set[int],
) -> dict[int, tuple[ColumnFormat, str]]:
    text = trimmed(text_of(schema, name))
    counts = [f"count_if(regexp_full_match(t, {quoted(_pattern(*s))}))" for s in NUMBER_STYLES]
    rows = con.execute(
        f"SELECT _file, count_if(NOT {validated.invalid[name]}), {', '.join(counts)} "
        f"FROM (SELECT *, {text} AS t FROM {validated.relation}) WHERE t IS NOT NULL "
        f"AND _file IN ({', '.join(map(str, sorted(files)))}) GROUP BY _file"
    ).fetchall()
    found: dict[int, tuple[ColumnFormat, str]] = {}
    for file, plain, *scores in rows:
        best = max(scores)
        if best <= plain:
            continue
        styles = [s for s, score in zip(NUMBER_STYLES, scores, strict=True) if score == best]
        style, how = styles[0], ""
        if {(".", ","), (",", None)} <= set(styles):
            style = (",", None) if settings.decimal == "," else (".", ",")
            how = "" if settings.decimal else " (ambiguous: every number fits both)"
        decimal, thousands = style
        found[file] = (
            ColumnFormat(decimal=decimal, thousands=thousands),
            f"decimal {decimal} thousands {thousands or 'none'}{how}",
        )
    return found


def _pattern(decimal: str, thousands: str | None) -> str:
    point = "\\." if decimal == "." else ","
    whole = "\\d+"
    if thousands:
        sign = {".": "\\.", " ": "[\\s\\x{00A0}\\x{202F}]"}.get(thousands, thousands)
        whole = f"(\\d{{1,3}}({sign}\\d{{3}})+|\\d+)"
    return f"[+-]?{whole}({point}\\d+)?"
