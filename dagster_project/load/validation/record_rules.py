"""Record rules: which records and cells of a batch are valid, as SQL, and why others are not."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from dagster_project.load.reading.header_matching import Field
from dagster_project.load.validation.casting import (
    ColumnFormat,
    ComputedColumns,
    can_fail,
    cast_cell,
    trimmed,
)
from dagster_project.load.validation.row_rules import row_rule
from dagster_project.warehouse import identifier, quoted

IMPLAUSIBLE = "implausible_date"
IMPOSSIBLE = "impossible_value"
# Words in small letters, or capitals with low lines between ("lost in space", "PARTIALLY_SHIPPED",
# "state 21"): no address, number or name, as a shifted column would put them here.
_WORD = re.compile(r"[a-zа-яё]+([ _\-][a-zа-яё]+){0,3}( ?\d{1,3})?|[A-Z]+(_[A-Z]+){1,3}")
_EXPECTED = {
    "timestamp": "a date and time",
    "date": "a date",
    "boolean": "yes or no",
    "integer": "a whole number",
}


@dataclass(frozen=True)
class RecordSchema:
    """How a batch's text becomes typed values: the same for every file of the batch.

    ``one_of`` names fields of which a record needs at least one. ``null_words`` are texts (lower
    case) that mean "no value" in every column. ``plausible`` is the range (first, last day) of
    events. ``header`` are the names of all of the file's columns. ``declared_dates`` says how the
    source's settings want dates written, if they do. Ids are kept apart from those of other
    instances of the same system by the name of their ``instance``.
    """

    fields: Sequence[Field]
    sources: dict[str, int]
    time_zone: str
    one_of: Sequence[str] = ()
    null_words: Sequence[str] = ()
    has_reasons: bool = False
    header: Sequence[str] = ()
    plausible: tuple[date, date] = (date.min, date.max)
    declared_dates: str = ""
    instance: str | None = None


@dataclass(frozen=True)
class ValidatedRecords:
    """A relation: the staged columns and, per field, its value, whether its text was invalid.

    ``rule`` is the column that names the row rule by which a record is left out. ``bad`` is the
    column that is true for records that go to quarantine, ``why`` the one that has
    ``position:code`` of the first reason. ``invalid`` has the fields that can
    fail, ``implausible`` those whose event can lie outside the plausible range, ``impossible``
    those that contradict another field or are a duration below zero.
    """

    relation: str
    values: dict[str, str]
    invalid: dict[str, str]
    implausible: dict[str, str]
    impossible: dict[str, str]
    rule: str
    bad: str
    why: str

    @property
    def faults(self) -> dict[tuple[str, str], str]:
        """Columns that are true where a value is not taken, by field and kind of fault."""
        return {(name, "invalid"): flag for name, flag in self.invalid.items()} | {
            (name, code): flag
            for code, flags in ((IMPLAUSIBLE, self.implausible), (IMPOSSIBLE, self.impossible))
            for name, flag in flags.items()
        }


def text_of(schema: RecordSchema, name: str) -> str:
    """SQL: the text of a field as staged; NULL for the words that mean "no value"."""
    position = schema.sources.get(name)
    if position is None:
        return "CAST(NULL AS VARCHAR)"
    text = f"c{position}"
    if not schema.null_words:
        return text
    words = ", ".join(quoted(word) for word in schema.null_words)
    return f"CASE WHEN lower(trim({text})) NOT IN ({words}) THEN {text} END"


def validate_records(
    base: str, schema: RecordSchema, column_formats: dict[str, ColumnFormat] | None = None
) -> ValidatedRecords:
    """Validate every record of the relation ``base`` under a set of column formats."""
    column_formats = column_formats or {}
    computed = ComputedColumns()
    values: dict[str, str] = {}
    invalid: dict[str, str] = {}
    implausible: dict[str, str] = {}
    impossible: dict[str, str] = {}
    optional = {field.name for field in schema.fields if not field.required}
    reasons: list[str] = []
    named = row_rule(schema.header) if schema.header else "CAST(NULL AS VARCHAR)"
    # A record that could not be taken apart has no cells, and is no empty row.
    whole = "_reason IS NULL" if schema.has_reasons else "true"
    rule = computed.let(0, f"CASE WHEN {whole} THEN {named} END")
    reasons.append(f"WHEN {rule} IS NOT NULL THEN NULL")
    if schema.has_reasons:
        reasons.append("WHEN _reason IS NOT NULL THEN '-1:' || _reason")
    for position, field in enumerate(schema.fields):
        text = text_of(schema, field.name)
        is_there = field.name in schema.sources
        value = (
            cast_cell(field, text, schema.time_zone, computed, column_formats.get(field.name))
            if is_there
            else "NULL"
        )
        values[field.name] = computed.let(8, f"({value})") if is_there else value
        if can_fail(field) and is_there:
            invalid[field.name] = computed.let(
                # CASE looks at the text of the few that have no value, AND at every one.
                9,
                f"CASE WHEN {values[field.name]} IS NULL THEN {trimmed(text)} IS NOT NULL "
                "ELSE false END",
            )
        if field.is_event and is_there:
            implausible[field.name] = computed.let(
                9, f"({is_implausible(values[field.name], schema.plausible)})"
            )
        if field.required:
            if field.name in invalid:
                code = code_of(field, schema)
                reasons.append(f"WHEN {invalid[field.name]} THEN '{position}:{code}'")
            if field.name in implausible:
                reasons.append(f"WHEN {implausible[field.name]} THEN '{position}:{IMPLAUSIBLE}'")
            reasons.append(f"WHEN {values[field.name]} IS NULL THEN '{position}:missing_value'")
        elif field.refuses_invalid and field.name in invalid:
            code = code_of(field, schema)
            reasons.append(f"WHEN {invalid[field.name]} THEN '{position}:{code}'")
    for field in schema.fields:
        if field.required or field.name not in schema.sources:
            continue
        wrong = is_impossible(field, values)
        if wrong:
            impossible[field.name] = computed.let(9, f"coalesce({wrong}, false)")
    for name in {**implausible, **impossible}:
        if name in optional:
            flags = [flags[name] for flags in (implausible, impossible) if name in flags]
            taken = " AND ".join(f"NOT coalesce({flag}, false)" for flag in flags)
            values[name] = computed.let(10, f"CASE WHEN {taken} THEN {values[name]} END")
    if schema.one_of:
        present = ", ".join(trimmed(text_of(schema, name)) for name in schema.one_of)
        reasons.append(f"WHEN coalesce({present}) IS NULL THEN '-1:no_identifier'")
    why = computed.let(11, f"CASE {' '.join(reasons)} END")
    bad = computed.let(12, f"({why} IS NOT NULL)")
    kept = {rule, why, bad, *values.values()}
    kept |= {flag for flags in (invalid, implausible, impossible) for flag in flags.values()}
    relation = computed.around(base, kept)
    return ValidatedRecords(relation, values, invalid, implausible, impossible, rule, bad, why)


def is_implausible(value: str, plausible: tuple[date, date]) -> str:
    """SQL: whether an event lies outside the plausible range (first, last day)."""
    first, last = plausible
    return f"CAST({value} AS DATE) NOT BETWEEN DATE '{first}' AND DATE '{last}'"


def is_impossible(field: Field, values: Mapping[str, str]) -> str | None:
    """SQL: whether a value contradicts another field, or is a duration below zero."""
    value = values[field.name]
    if field.is_duration:
        return f"{value} < 0"
    if field.not_before and values.get(field.not_before, "NULL") != "NULL":
        return f"{value} < {values[field.not_before]}"
    return None


def of_instance(field: Field, values: Mapping[str, str], instance: str | None) -> str:
    """SQL: a field's value, an id with the name of its instance before it.

    ``values`` are those of the record by field: an id may be an address, as another one says.
    """
    value = values[field.name]
    if instance is None or not field.is_id:
        return value
    if field.kind is not None and values.get(field.kind, "NULL") != "NULL":
        return (
            f"CASE WHEN {values[field.kind]} = 'email' THEN {value} "
            f"ELSE {quoted(f'{instance}:')} || {value} END"
        )
    return f"{quoted(f'{instance}:')} || {value}"


def code_of(field: Field, schema: RecordSchema, fault: str = "invalid") -> str:
    """The reason code of a fault in a field: of an invalid text, or the fault itself."""
    if fault in (IMPLAUSIBLE, IMPOSSIBLE):
        return fault
    if field.is_currency:
        return "unknown_currency"
    if field.words:
        return "unknown_word"
    if field.type in ("timestamp", "date") and schema.declared_dates:
        return "not_as_declared"
    return "not_accepted" if field.accepted_values else "invalid_value"


def extras(pairs: Sequence[tuple[str, int]]) -> str:
    """SQL: undeclared columns as the text of a JSON object; NULL when all of them are."""
    if not pairs:
        return "CAST(NULL AS VARCHAR)"
    some = ", ".join(f"c{position}" for _, position in pairs)
    members = ", ".join(f"{quoted(name)}, c{position}" for name, position in pairs)
    return (
        f"CASE WHEN coalesce({some}) IS NOT NULL THEN CAST(json_object({members}) AS VARCHAR) END"
    )


def sentence(
    field: Field | None,
    code: str,
    schema: RecordSchema,
    one_of: Sequence[str] = (),
    word: str | None = None,
) -> str:
    """Why a record or cell was not accepted, for the sender of the file; never the value.

    ``word``: one of a list of words that is not known. It is named where it looks like a word, so
    that what a shifted column puts in its place is not told.
    """
    said = _sentence(field, code, schema, one_of, word)
    return f"{said} {field.hint}" if field is not None and field.hint else said


def _sentence(
    field: Field | None,
    code: str,
    schema: RecordSchema,
    one_of: Sequence[str],
    word: str | None,
) -> str:
    if code == "no_identifier":
        return f"None of {', '.join(one_of)} has a value; a record needs one."
    if field is None:
        return "The record could not be taken apart into its fields."
    if code == "missing_value":
        return f"{field.name} is required and has no value."
    if code == "unknown_word":
        named = f" {word.strip()!r}" if word and _WORD.fullmatch(word.strip()) else ""
        return (
            f"{field.name} has a word{named} that is not in the list of known words; correct it, "
            "or add the word to words/order_statuses.csv in the folder of HOURGLASS_PROJECT_DIR."
        )
    if code == "not_as_declared":
        return (
            f"{field.name} must be {_EXPECTED[field.type]} as the source's settings declare it "
            f"({schema.declared_dates})."
        )
    if code == IMPLAUSIBLE:
        first, last = schema.plausible
        return (
            f"{field.name} must lie between {first} and {last}. Correct it, or change the source's "
            "settings plausible_from and plausible_years_ahead."
        )
    if code == "unknown_currency":
        return f"{field.name} must be a currency code of ISO 4217, such as EUR."
    if code == IMPOSSIBLE:
        floor = f"before {field.not_before}" if field.not_before else "below zero"
        return f"{field.name} lies {floor}, which cannot be."
    if code == "not_accepted":
        return f"{field.name} must be one of {', '.join(field.accepted_values)}."
    return f"{field.name} must be {_EXPECTED.get(field.type, 'a number')}."


def column_list(names: Sequence[str]) -> str:
    """Names as a list of quoted SQL identifiers."""
    return ", ".join(identifier(name) for name in names)
