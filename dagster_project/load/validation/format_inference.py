"""How a column is written where it is not in a plain form: decided over the whole column."""

from collections.abc import Sequence

import duckdb

from dagster_project.contracts import SourceSettings
from dagster_project.load.validation.casting import NUMBERS, Choice, trimmed
from dagster_project.load.validation.record_rules import Judged, Reading, text_of
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


def declared_choices(reading: Reading, settings: SourceSettings) -> dict[str, Choice]:
    """What the source's settings say about its columns; nothing where they are silent."""
    choices: dict[str, Choice] = {}
    for field in reading.fields:
        if field.type in ("timestamp", "date") and settings.date_formats:
            choices[field.name] = Choice(formats=settings.date_formats, declared=True)
        if field.type in NUMBERS and (settings.decimal or settings.thousands):
            choices[field.name] = Choice(
                decimal=settings.decimal or ".", thousands=settings.thousands, declared=True
            )
    return choices


def choose(
    con: duckdb.DuckDBPyConnection,
    judged: Judged,
    reading: Reading,
    settings: SourceSettings,
    doubtful: dict[str, set[int]],
) -> dict[int, dict[str, tuple[Choice, str]]]:
    """For each file (by position) and doubtful field, the choice and a word on how it was made.

    ``doubtful`` has, per field, the files in which some text was not understood. Fields whose
    texts fit no known form get no choice: their cells stay invalid.
    """
    chosen: dict[int, dict[str, tuple[Choice, str]]] = {}
    types = {field.name: field.type for field in reading.fields}
    for name, files in doubtful.items():
        if types[name] in ("timestamp", "date"):
            found = _dates(con, judged, reading, settings, name, types[name], files)
        elif types[name] in NUMBERS:
            found = _numbers(con, judged, reading, settings, name, files)
        else:
            continue
        for file, choice in found.items():
            chosen.setdefault(file, {})[name] = choice
    return chosen


def _dates(
    con: duckdb.DuckDBPyConnection,
    judged: Judged,
    reading: Reading,
    settings: SourceSettings,
    name: str,
    kind: str,
    files: set[int],
) -> dict[int, tuple[Choice, str]]:
    text = trimmed(text_of(reading, name))
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
        f"FROM {judged.relation} WHERE {judged.invalid[name]} "
        f"AND _file IN ({', '.join(map(str, sorted(files)))})) GROUP BY _file"
    ).fetchall()
    found: dict[int, tuple[Choice, str]] = {}
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
            found[file] = (Choice(epoch=family), f"{family} since 1970")
        else:
            found[file] = (Choice(formats=FAMILIES[family]), how)
    return found


def _numbers(
    con: duckdb.DuckDBPyConnection,
    judged: Judged,
    reading: Reading,
    settings: SourceSettings,
    name: str,
    files: set[int],
) -> dict[int, tuple[Choice, str]]:
    text = trimmed(text_of(reading, name))
    counts = [f"count_if(regexp_full_match(t, {quoted(_pattern(*s))}))" for s in NUMBER_STYLES]
    rows = con.execute(
        f"SELECT _file, count_if(NOT {judged.invalid[name]}), {', '.join(counts)} "
        f"FROM (SELECT *, {text} AS t FROM {judged.relation}) WHERE t IS NOT NULL "
        f"AND _file IN ({', '.join(map(str, sorted(files)))}) GROUP BY _file"
    ).fetchall()
    found: dict[int, tuple[Choice, str]] = {}
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
            Choice(decimal=decimal, thousands=thousands),
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
