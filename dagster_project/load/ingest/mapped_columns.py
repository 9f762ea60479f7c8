"""Mapped columns: a mapping's expressions as SQL over the staged records of a batch."""

from dataclasses import dataclass

from dagster_project.contracts import READ_TYPES
from dagster_project.contracts.expressions import Expression
from dagster_project.load.ingest.batch_staging import SourceUnit
from dagster_project.load.reading.header_matching import Field
from dagster_project.load.validation.casting import (
    NUMBERS,
    ComputedColumns,
    cast_cell,
    without_exponent,
)
from dagster_project.warehouse import identifier

# A batch's records that are refused, and those that are neither refused nor left out.
BAD = "temp.load_bad"
GOOD = (
    f"(SELECT r.* FROM temp.load_records r ANTI JOIN {BAD} b ON r._row = b._row "
    "WHERE r._rule IS NULL)"
)


@dataclass(frozen=True)
class Columns:
    """A batch's columns: by field its name in the staged records, and its name in the files."""

    names: dict[str, str]
    headers: dict[str, str | None]

    def sql(self, expression: Expression, lifted: dict[str, str] | None = None) -> str:
        """SQL of an expression; ``lifted`` collects functions over records, by SQL their column."""

        def lift(sql: str) -> str:
            return sql if lifted is None else lifted.setdefault(sql, f"_over{len(lifted)}")

        text = expression.sql(
            lambda name: identifier(self.names[name]), header=self.headers.get, lift=lift
        )
        return f"({text})"


def header_name(unit: SourceUnit, field: str) -> str | None:
    """The name of a field in the file; None where the file lacks it."""
    found = unit.header_match
    return found.by_alias.get(field, field) if field in found.sources else None


def canonical_value(field: Field, given: str) -> str:
    """SQL of an expression's value as the canonical field's type; NULL where it does not fit."""
    if field.words or field.accepted_values or field.trimmed:
        return cast_cell(field, f"CAST({given} AS VARCHAR)", "UTC", ComputedColumns())
    if field.type == "text":
        return cast_cell(field, f"CAST({given} AS VARCHAR)", "UTC", ComputedColumns())
    if field.type in NUMBERS and field.type != "integer":
        # Through its text, as everywhere: a DOUBLE's own cast rounds what it stands for, not it.
        given = without_exponent(f"CAST({given} AS VARCHAR)")
    return f"TRY_CAST({given} AS {READ_TYPES[field.type]})"
