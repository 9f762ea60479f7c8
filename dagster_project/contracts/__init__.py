"""The source contract as data: which tables and columns a company may deliver.

One YAML file per system stands beside this module; ``load_contract`` reads them all. An unknown
key in a file raises: a misspelt rule that is silently ignored would let bad records through. What
follows from the contract (staging models, their YAML, the sample's headers, exposures) is
written by ``make contracts``.
"""

from functools import cache
from pathlib import Path

from dagster_project.contracts.model import (
    DUCKDB_TYPES,
    META_COLUMNS,
    Column,
    ColumnType,
    IdentifiedBy,
    SourceSettings,
    System,
    Table,
)
from dagster_project.contracts.yaml_files import read_yaml, validated

__all__ = [
    "CONTRACTS_DIR",
    "DUCKDB_TYPES",
    "META_COLUMNS",
    "SYSTEMS",
    "Column",
    "ColumnType",
    "IdentifiedBy",
    "SourceSettings",
    "System",
    "Table",
    "load_contract",
    "read_system",
]

CONTRACTS_DIR = Path(__file__).resolve().parent
SYSTEMS = ("crm", "shop", "marketing", "call_center")


def read_system(path: Path) -> System:
    """One contract file; UsageError names the file and the key that is wrong."""
    raw = read_yaml(path)
    for name, table in (raw.get("tables") or {}).items():
        if isinstance(table, dict):
            table.setdefault("name", name)
            shared = raw.get("settings") or {}
            table["settings"] = {**shared, **(table.get("settings") or {})}
    return validated(System, raw, path)


@cache
def load_contract() -> dict[str, System]:
    """Every system by name, in the contract's order."""
    return {name: read_system(CONTRACTS_DIR / f"{name}.yml") for name in SYSTEMS}
