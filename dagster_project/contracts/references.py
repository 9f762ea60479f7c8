"""References: which columns of the contract name a record of another table, its parent.

Derived from names: ``account_id`` and ``referred_by_account_id`` name a record of the table whose
one key column is ``account_id``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dagster_project.contracts.model import System


@dataclass(frozen=True)
class ParentReference:
    """A column that names a parent, and the key column of that."""

    system: str
    table: str
    column: str
    parent_system: str
    parent_table: str
    parent_column: str

    @property
    def name(self) -> str:
        return f"{self.system}.{self.table}.{self.column}"

    @property
    def parent(self) -> str:
        return f"{self.parent_system}.{self.parent_table}"


def parent_references(contract: Mapping[str, System]) -> Iterator[ParentReference]:
    """Every reference of the contract, in its order."""
    keys = {
        table.key[0]: (system.system, table.name)
        for system in contract.values()
        for table in system.tables.values()
        if len(table.key) == 1
    }
    for system in contract.values():
        for table in system.tables.values():
            for column in table.column_names:
                for key, (parent_system, parent_table) in keys.items():
                    is_own = (parent_system, parent_table) == (system.system, table.name)
                    if (column == key and not is_own) or column.endswith(f"_{key}"):
                        yield ParentReference(
                            system.system, table.name, column, parent_system, parent_table, key
                        )
