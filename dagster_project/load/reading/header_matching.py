"""Header matching: a file's columns against the wanted ones: names, aliases, extras, missing."""

import difflib
import fnmatch
import hashlib
import re
import unicodedata
from collections.abc import Sequence, Set
from dataclasses import dataclass

from dagster_project.contracts import Column, Table
from dagster_project.load.reading.file_content import DamagedFileError

MOST_DIGITS = 5
LONGEST_NAME = 80
# How much a column's name must be like a wanted one to be shown beside it.
LIKE_A_NAME = 0.75


@dataclass(frozen=True)
class Field:
    """One column that is read from files: of a canonical table, or of a vendor's export.

    ``trimmed`` text loses surrounding white space (keys and references, which are joined on);
    other text stays as delivered. ``words`` are (vendor's word, accepted word) pairs. ``is_event``:
    the time of something that happened, which has to lie in the source's plausible range and, with
    ``not_before``, no earlier than that field. ``is_currency``: a code of ISO 4217, in upper case.
    ``is_duration``: seconds, never below zero. ``is_id``: a key of the source's own, of which
    ``kind`` is the field that may say that it is an address.
    ``refuses_invalid``: may be absent, but an invalid value sends the record to quarantine.
    ``needed`` says how the sender exports a column that must be there although its values may be
    empty, ``hint`` is told where a record is refused for the column. ``*`` in an alias is any text.
    """

    name: str
    type: str
    required: bool = False
    needed: str | None = None
    hint: str | None = None
    trimmed: bool = False
    accepted_values: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    is_event: bool = False
    is_currency: bool = False
    not_before: str | None = None
    is_duration: bool = False
    is_id: bool = False
    kind: str | None = None
    refuses_invalid: bool = False


@dataclass(frozen=True)
class HeaderMatch:
    """Where each field stands in a file. ``sources``: field name to column position (0-based)."""

    sources: dict[str, int]
    extras: tuple[tuple[str, int], ...]
    by_alias: dict[str, str]
    missing: tuple[str, ...]
    fingerprint: str
    is_header: bool


def table_fields(table: Table, words: dict[str, tuple[tuple[str, str], ...]]) -> tuple[Field, ...]:
    """The fields of a canonical table; ``words`` are the seeds by name."""
    return tuple(
        Field(
            name=column.name,
            type=column.type,
            required=column.required,
            trimmed=column.type == "text" and (column.key or column.name.endswith("_id")),
            accepted_values=column.accepted_values,
            words=words[column.words] if column.words else (),
            aliases=column.aliases,
            is_currency=_is_currency(column),
            refuses_invalid=column.refuses_invalid or _is_currency(column),
            not_before=column.not_before,
            is_duration=column.name.endswith("_seconds"),
            is_id=column.name in table.id_columns,
            kind=table.kind_of(column.name),
            is_event=column.type == "timestamp" or (column.type == "date" and column.required),
        )
        for column in table.columns
    )


def _is_currency(column: Column) -> bool:
    # Without its currency an amount would be taken for one in the reporting currency.
    return column.type == "text" and column.name.endswith("currency")


def normalised(name: str) -> str:
    """A column name without case, padding and punctuation: ``" E-Mail "`` gives ``e_mail``."""
    text = unicodedata.normalize("NFKC", name).replace("\ufeff", "").strip().lower()
    return re.sub(r"[\W_]+", "_", text).strip("_")


def known_names(fields: Sequence[Field]) -> frozenset[str]:
    """Every normalised name or alias by which a header can be recognised."""
    return frozenset(normalised(name) for field in fields for name in (field.name, *field.aliases))


def match_header(
    header: Sequence[str], fields: Sequence[Field], one_of: Sequence[str] = ()
) -> HeaderMatch:
    """Find each field in ``header``, by name first and by alias second.

    ``one_of`` are fields of which at least one must be there. Raises DamagedFileError when a
    required field is missing (with the nearest names), or stands twice.
    """
    names = [normalised(name) for name in header]
    sources: dict[str, int] = {}
    by_alias: dict[str, str] = {}
    for field in fields:
        position = _position(header, names, field.name, field.name)
        if position is not None:
            sources[field.name] = position
    taken = set(sources.values())
    for field in fields:
        if field.name in sources:
            continue
        for alias in field.aliases:
            position = _position(header, names, alias, field.name)
            if position is not None and position not in taken:
                sources[field.name] = position
                by_alias[field.name] = header[position]
                taken.add(position)
                break
    missing = [field.name for field in fields if field.name not in sources]
    lacking = [field.name for field in fields if field.required and field.name not in sources]
    if lacking:
        raise DamagedFileError(
            "missing_column", _missing_message(lacking, header, taken), ", ".join(lacking)
        )
    needed = [field for field in fields if field.needed and field.name not in sources]
    if needed:
        raise DamagedFileError(
            "missing_column",
            " ".join(f"The column {field.name} is missing. {field.needed}" for field in needed),
            ", ".join(field.name for field in needed),
        )
    if one_of and not any(name in sources for name in one_of):
        raise DamagedFileError(
            "missing_column",
            f"None of the columns {', '.join(one_of)} is there; a record needs one of them.",
            ", ".join(one_of),
        )
    return HeaderMatch(
        sources=sources,
        extras=_extras(header, taken),
        by_alias=by_alias,
        missing=tuple(missing),
        is_header=is_header(header, taken),
        fingerprint=hashlib.sha256("\x1f".join(sorted(names)).encode()).hexdigest()[:16],
    )


def _position(header: Sequence[str], names: list[str], wanted: str, field: str) -> int | None:
    if "*" in wanted:
        pattern = wanted.casefold().replace("[", "[[]")
        found = [
            position
            for position, name in enumerate(header)
            if fnmatch.fnmatchcase(name.strip().casefold(), pattern)
        ]
        return found[0] if found else None
    found = [position for position, name in enumerate(names) if name == normalised(wanted)]
    if len(found) > 1:
        # Mixpanel's $city and a company's own city: to the letter there is only one.
        exact = [position for position in found if header[position].strip() == wanted]
        if len(exact) == 1:
            return exact[0]
        raise DamagedFileError(
            "doubled_column",
            f"The column {field} stands {len(found)} times in the header; nothing says which is "
            "right.",
            field,
        )
    return found[0] if found else None


def _extras(header: Sequence[str], taken: set[int]) -> tuple[tuple[str, int], ...]:
    extras: list[tuple[str, int]] = []
    used: set[str] = set()
    for position, name in enumerate(header):
        if position in taken:
            continue
        # SQL text cannot hold the character NUL.
        base = name.strip().replace("\x00", "\ufffd") or f"column_{position + 1}"
        unique, number = base, 2
        while unique in used:
            unique, number = f"{base}_{number}", number + 1
        used.add(unique)
        extras.append((unique, position))
    return tuple(extras)


def _missing_message(lacking: list[str], header: Sequence[str], taken: set[int]) -> str:
    free = [name.strip() for position, name in enumerate(header) if position not in taken]
    parts = []
    for name in lacking:
        near = difflib.get_close_matches(name, free, n=2, cutoff=LIKE_A_NAME)
        hint = f" (nearest: {', '.join(near)})" if near else ""
        parts.append(f"{name}{hint}")
    lack = f"Required columns are missing: {', '.join(parts)}."
    if not is_header(header, taken):
        return (
            f"{lack} Of the {len(header)} cells of the line that should be the header, "
            f"{len(taken)} name columns: perhaps it is a record, and the file has no header. Add "
            "one, or name the columns in the source's settings (header)."
        )
    found = ", ".join(safe_name(name.strip()) for name in header[:40])
    return (
        f"{lack} The header has: {found}. Add them, or add the sender's name for them to the "
        "contract's aliases."
    )


def is_header(header: Sequence[str], taken: Set[int]) -> bool:
    """Whether a line is a header beyond doubt, so that messages may show its names.

    The first record of a file without a header may have been taken for one; its cells are a
    person's name, address and telephone.
    """
    return 0 < len(header) <= 3 * len(taken)


def safe_name(name: str) -> str:
    """A column's name as messages may show it: not one that looks like somebody's value."""
    looks_like_value = (
        "@" in name
        or "\n" in name
        or len(name) > LONGEST_NAME
        or sum(letter.isdigit() for letter in name) > MOST_DIGITS
    )
    return "(a name that looks like a value)" if looks_like_value else name
