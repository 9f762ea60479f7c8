"""Mappings: a vendor's export, and the canonical tables that it feeds, as data.

One YAML file per export under ``mappings/``; its name is the name of the folder under landing/.
Every expression is checked when the file is read.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, model_validator

from dagster_project.contracts import (
    CONTRACTS_DIR,
    ColumnType,
    SourceSettings,
    Table,
    _Strict,
    load_contract,
    read_yaml,
    validated,
)
from dagster_project.contracts.expressions import Expression, ExpressionError, parse
from dagster_project.errors import UsageError

MAPPINGS_DIR = CONTRACTS_DIR / "mappings"


class MappedColumn(_Strict):
    """One column of the export. Nested fields of JSON have dotted names."""

    type: ColumnType = "text"
    required: bool = False
    aliases: tuple[str, ...] = ()
    description: str = ""


class LeaveOut(_Strict):
    """Records that are not what they seem: left out, and counted under the rule's name."""

    when: str
    description: str


class MappedTable(_Strict):
    """One canonical table that the export feeds.

    ``when`` chooses the records; ``columns`` holds an expression per canonical column. Where one
    aggregates, the records of one key become one row, and columns without an aggregate are part
    of ``key``.
    """

    when: str = "true"
    key: tuple[str, ...] = ()
    columns: dict[str, str]


class Mapping(_Strict):
    """A vendor's export. ``explode`` is the path of a list whose items are the records."""

    mapping: str
    description: str
    reference: str
    files: tuple[str, ...] = ("*",)
    settings: SourceSettings = SourceSettings()
    explode: str | None = None
    columns: dict[str, MappedColumn] = Field(default_factory=dict)
    leave_out: dict[str, LeaveOut] = Field(default_factory=dict)
    tables: dict[str, MappedTable]

    @model_validator(mode="after")
    def _checked(self) -> "Mapping":
        try:
            for name, rule in self.leave_out.items():
                if self.expression(rule.when).has_aggregate:
                    raise ValueError(f"leave_out.{name}: no aggregates in a rule")
            for name, table in self.tables.items():
                self._check_table(name, table)
        except ExpressionError as error:
            raise ValueError(str(error)) from None
        return self

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
        if self.expression(table.when).has_aggregate:
            raise ValueError(f"tables.{name}.when: no aggregates")
        parsed = {column: self.expression(text) for column, text in table.columns.items()}
        if any(expression.has_aggregate for expression in parsed.values()):
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
        """(``system.table``, its contract, how it is fed) for each table."""
        for name, table in self.tables.items():
            canonical = canonical_table(name)
            assert canonical is not None
            yield name, canonical, table


def canonical_table(name: str) -> Table | None:
    """The contract of ``system.table``; None when there is none."""
    system, _, table = name.partition(".")
    found = load_contract().get(system)
    return found.tables.get(table) if found else None


def read_mapping(path: Path) -> Mapping:
    """One mapping file; UsageError names the file and what is wrong in it."""
    return validated(Mapping, read_yaml(path), path)


def load_mappings(folder: Path = MAPPINGS_DIR) -> dict[str, Mapping]:
    """Every mapping by name, which is also its file's name; UsageError where they differ."""
    mappings: dict[str, Mapping] = {}
    for path in sorted(folder.glob("*.yml")):
        mapping = read_mapping(path)
        if mapping.mapping != path.stem:
            raise UsageError(f"{path}: mapping: must be {path.stem}, like the file's name.")
        mappings[mapping.mapping] = mapping
    return mappings


def file_patterns(mappings: dict[str, Mapping]) -> dict[str, tuple[str, ...]]:
    """By mapping, the patterns of the names of its files."""
    return {name: mapping.files for name, mapping in mappings.items()}
