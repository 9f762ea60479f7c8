"""Mappings: a vendor's export, and the canonical tables that it feeds, as data.

One YAML file per export under ``mappings/``; its name is the name of the folder under landing/.
Every expression is checked when the file is read.
"""

from collections.abc import Iterator
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
from dagster_project.contracts.yaml_files import read_yaml, validated
from dagster_project.errors import UsageError

MAPPINGS_DIR = CONTRACTS_DIR / "mappings"


class MappedColumn(Strict):
    """One column of the export. Nested fields of JSON have dotted names."""

    type: ColumnType = "text"
    required: bool = False
    aliases: tuple[str, ...] = ()
    description: str = ""


class LeaveOut(Strict):
    """Records that are not what they seem: left out, and counted under the rule's name."""

    when: str
    description: str


class MappedTable(Strict):
    """One canonical table that the export feeds.

    ``when`` chooses the records; ``columns`` holds an expression per canonical column. Where one
    aggregates, the records of one key become one row, and columns without an aggregate are part
    of ``key``.
    """

    when: str = "true"
    key: tuple[str, ...] = ()
    columns: dict[str, str]


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
        for name, rule in self.leave_out.items():
            if self._allowed(f"leave_out.{name}.when", rule.when).has_aggregate:
                raise ValueError(f"leave_out.{name}.when: no aggregates in a rule")
        for name, ways in self.tables.items():
            for table in ways:
                self._check_table(name, table)
        return self

    def _allowed(self, key: str, text: str) -> Expression:
        try:
            return self.expression(text)
        except ExpressionError as error:
            raise ValueError(f"{key}: {error}") from None

    def _check_table(self, name: str, table: MappedTable) -> None:
        canonical = canonical_table(name)
        if canonical is None:
            raise ValueError(f"tables.{name}: the contract has no such table")
        unknown = set(table.columns) - set(canonical.column_names)
        if unknown:
            raise ValueError(f"tables.{name}: not in the contract: {', '.join(sorted(unknown))}")
        lacking = {c.name for c in canonical.columns if c.required} - set(table.columns)
        if lacking:
            raise ValueError(f"tables.{name}: required: {', '.join(sorted(lacking))}")
        when = self._allowed(f"tables.{name}.when", table.when)
        if when.has_aggregate or when.is_over_records:
            raise ValueError(f"tables.{name}.when: only over one record")
        parsed = {
            column: self._allowed(f"tables.{name}.columns.{column}", text)
            for column, text in table.columns.items()
        }
        keyless = set(table.key) - set(parsed)
        if keyless:
            raise ValueError(f"tables.{name}.key: not among columns: {', '.join(sorted(keyless))}")
        if any(expression.has_aggregate for expression in parsed.values()):
            if any(expression.is_over_records for expression in parsed.values()):
                raise ValueError(
                    f"tables.{name}: no line_number(...) and first_of beside first, min, max, sum"
                )
            plain = {column for column, e in parsed.items() if not e.has_aggregate and e.columns}
            loose = plain - set(table.key or canonical.key)
            if loose:
                raise ValueError(
                    f"tables.{name}: {', '.join(sorted(loose))} needs first, min, max or sum, "
                    "because several records make one row"
                )

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


def canonical_table(name: str) -> Table | None:
    """The contract of ``system.table``; None when there is none."""
    system, _, table = name.partition(".")
    found = load_contract().get(system)
    return found.tables.get(table) if found else None


def read_mapping(path: Path) -> Mapping:
    """One mapping file; UsageError names the file and what is wrong in it."""
    return validated(Mapping, read_yaml(path), path)


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
