"""Mappings: a vendor's export, and the canonical tables that it feeds, as data.

One YAML file per export under ``mappings/``; its name is the name of the folder under landing/.
Every expression is checked when the file is read.
"""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from dagster_project.contracts import (
    CONTRACTS_DIR,
    ColumnType,
    SourceSettings,
    Table,
    load_contract,
)
from dagster_project.contracts.expressions import Expression, ExpressionError, parse
from dagster_project.contracts.folders import MAPPINGS, definition_files
from dagster_project.contracts.model import Strict
from dagster_project.contracts.yaml_files import read_model, unknown
from dagster_project.errors import UsageError

MAPPINGS_DIR = CONTRACTS_DIR / "mappings"


class MappedColumn(Strict):
    """One column of the export. Nested fields of JSON have dotted names.

    ``required``: a record without a valid value goes to quarantine. ``needed`` is for a column
    whose values may be empty and which the export must have all the same: without it the file is
    refused, and the sentence says which option of the vendor's export brings it. ``hint`` is told
    where a record is refused for this column. An alias may hold ``*`` for any text.
    """

    type: ColumnType = "text"
    required: bool = False
    needed: str | None = None
    hint: str | None = None
    aliases: tuple[str, ...] = ()
    description: str = ""


class LeaveOut(Strict):
    """Records that are not what they seem: left out, and counted under the rule's name.

    ``count_by`` is an expression whose values are told with their counts (names of events that
    have no word), so that a person sees what was left out. Never a person's data.
    """

    when: str
    description: str
    count_by: str | None = None


class MappedTable(Strict):
    """One canonical table that the export feeds.

    ``when`` chooses the records; ``columns`` holds an expression per canonical column. Where one
    aggregates, the records of one key become one row, and columns without an aggregate are part
    of ``key``. ``hints`` are sentences for the sender, by column: said where its value is missing
    or wrong, such as the option of the vendor's export that brings it.
    """

    when: str = "true"
    key: tuple[str, ...] = ()
    columns: dict[str, str]
    hints: dict[str, str] = Field(default_factory=dict)


class Mapping(Strict):
    """A vendor's export.

    ``explode`` is the path of a list whose items are the records, or several such paths: then each
    item of each list is a record, with the fields around its own list. A list may lie within
    another. ``tables`` feeds each table in one way, or in several where one record makes several
    of its rows (a consent for e-mail and one for calls).
    """

    mapping: str
    description: str
    reference: str | None = None
    files: tuple[str, ...] = ("*",)
    settings: SourceSettings = SourceSettings()
    explode: tuple[str, ...] = ()
    columns: dict[str, MappedColumn] = Field(default_factory=dict)
    leave_out: dict[str, LeaveOut] = Field(default_factory=dict)
    tables: dict[str, tuple[MappedTable, ...]]

    @field_validator("explode", mode="before")
    @classmethod
    def _one_path(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("tables", mode="before")
    @classmethod
    def _one_way(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: (way,) if isinstance(way, dict) else way for name, way in value.items()}

    @model_validator(mode="after")
    def _checked(self) -> "Mapping":
        problems = [
            *self._settings_problems(),
            *self._rule_problems(),
            *(
                problem
                for name, ways in self.tables.items()
                for table in ways
                for problem in self._table_problems(name, table)
            ),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _settings_problems(self) -> Iterator[str]:
        if self.settings.keep_days is not None:
            yield (
                "settings.keep_days: how long rows are kept is said of the tables that they feed, "
                "in contracts/<system>.yml"
            )

    def _rule_problems(self) -> Iterator[str]:
        for name, rule in self.leave_out.items():
            found = yield from self._parsed(f"leave_out.{name}.when", rule.when)
            if found and found.has_aggregate:
                yield f"leave_out.{name}.when: no aggregates in a rule"
            if rule.count_by is not None:
                key = f"leave_out.{name}.count_by"
                listed = yield from self._parsed(key, rule.count_by)
                if listed and (listed.has_aggregate or listed.is_over_records):
                    yield f"{key}: only over one record"

    def _parsed(self, key: str, text: str) -> Generator[str, None, Expression | None]:
        """The expression; None, after its problem was told, where it is not allowed."""
        try:
            return self.expression(text)
        except ExpressionError as error:
            yield f"{key}: {error}"
            return None

    def _table_problems(self, name: str, table: MappedTable) -> Iterator[str]:
        canonical = canonical_table(name)
        if canonical is None:
            yield f"tables: {unknown(name, canonical_names())}"
            return
        for column in table.columns.keys() - set(canonical.column_names):
            yield f"tables.{name}.columns: {unknown(column, canonical.column_names)}"
        for column in canonical.columns:
            if column.required and column.name not in table.columns:
                yield f"tables.{name}.columns: {column.name} is required"
        when = yield from self._parsed(f"tables.{name}.when", table.when)
        if when and (when.has_aggregate or when.is_over_records):
            yield f"tables.{name}.when: only over one record"
        parsed: dict[str, Expression] = {}
        for column, text in table.columns.items():
            found = yield from self._parsed(f"tables.{name}.columns.{column}", text)
            if found:
                parsed[column] = found
        for column in table.hints.keys() - table.columns.keys():
            yield f"tables.{name}.hints: {unknown(column, table.columns)}"
        for column in set(table.key) - set(table.columns):
            yield f"tables.{name}.key: {unknown(column, table.columns)}"
        yield from _grouping_problems(name, table, canonical, parsed)

    def expression(self, text: str) -> Expression:
        """An expression over this export's columns; ExpressionError when it is not allowed."""
        return parse(text, self.columns.keys())

    def canonical(self) -> Iterator[tuple[str, Table, MappedTable]]:
        """(``system.table``, its contract, how it is fed) for each way of each table."""
        for name, ways in self.tables.items():
            canonical = canonical_table(name)
            assert canonical is not None
            for table in ways:
                yield name, canonical, table


def _grouping_problems(
    name: str, table: MappedTable, canonical: Table, parsed: dict[str, Expression]
) -> Iterator[str]:
    """What does not fit together where several records make one row."""
    if not any(expression.has_aggregate for expression in parsed.values()):
        if table.key and set(table.key) != set(canonical.key):
            yield (
                f"tables.{name}.key: without first, min, max or sum each record is a row of its "
                "own; leave key out, or aggregate the other columns"
            )
        return
    keys = set(table.key or canonical.key)
    for column, expression in parsed.items():
        if not expression.has_aggregate and expression.columns and column not in keys:
            yield (
                f"tables.{name}.columns.{column} needs first, min, max or sum, because several "
                "records make one row"
            )


def canonical_names() -> list[str]:
    """Every table of the contract as ``system.table``."""
    return [
        f"{system.system}.{table}" for system in load_contract().values() for table in system.tables
    ]


def canonical_table(name: str) -> Table | None:
    """The contract of ``system.table``; None when there is none."""
    system, _, table = name.partition(".")
    found = load_contract().get(system)
    return found.tables.get(table) if found else None


def read_mapping(path: Path) -> Mapping:
    """One mapping file; UsageError names the file and what is wrong in it."""
    return read_model(Mapping, path)


def load_mappings(project_dir: Path | None = None) -> dict[str, Mapping]:
    """Every mapping by name, which is also its file's name; UsageError where they differ.

    A mapping in ``mappings/`` below ``project_dir`` takes the place of the shipped one of its name.
    """
    mappings: dict[str, Mapping] = {}
    for path in definition_files(MAPPINGS, project_dir).values():
        mapping = read_mapping(path)
        if mapping.mapping != path.stem:
            raise UsageError(f"{path}: mapping: must be {path.stem}, like the file's name.")
        mappings[mapping.mapping] = mapping
    return mappings


def file_patterns(mappings: dict[str, Mapping]) -> dict[str, tuple[str, ...]]:
    """By mapping, the patterns of the names of its files."""
    return {name: mapping.files for name, mapping in mappings.items()}
