"""The source contract as data: which tables and columns a company may deliver.

One YAML file per system stands beside this module; ``load_contract`` reads them all. An unknown
key in a file raises: a misspelt rule that is silently ignored would let bad records through. What
follows from the contract (staging models, their YAML, the sample's headers, exposures) is
written by ``make contracts``.
"""

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field

from dagster_project.contracts.folders import CONTRACTS, own_files
from dagster_project.contracts.model import (
    DUCKDB_TYPES,
    META_COLUMNS,
    READ_TYPES,
    Column,
    ColumnType,
    IdentifiedBy,
    SourceSettings,
    Strict,
    System,
    Table,
)
from dagster_project.contracts.yaml_files import read_yaml, unknown, validated
from dagster_project.errors import UsageError

__all__ = [
    "CONTRACTS_DIR",
    "DUCKDB_TYPES",
    "META_COLUMNS",
    "READ_TYPES",
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


class _OwnTable(Strict):
    settings: dict[str, Any] = Field(default_factory=dict)
    aliases: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class _OwnSystem(Strict):
    """What a company says of its own files of one system, over the shipped contract."""

    settings: dict[str, Any] = Field(default_factory=dict)
    tables: dict[str, _OwnTable] = Field(default_factory=dict)


def read_system(path: Path, own: Path | None = None) -> System:
    """One contract file, with a company's ``own`` settings and aliases over it.

    UsageError names the file and the key that is wrong.
    """
    raw = read_yaml(path)
    if own is not None:
        _add_own(raw, validated(_OwnSystem, read_yaml(own), own), own)
        path = own
    for name, table in (raw.get("tables") or {}).items():
        if isinstance(table, dict):
            table.setdefault("name", name)
            shared = raw.get("settings") or {}
            table["settings"] = {**shared, **(table.get("settings") or {})}
    return validated(System, raw, path)


def _add_own(raw: dict[str, Any], added: _OwnSystem, path: Path) -> None:
    raw["settings"] = {**(raw.get("settings") or {}), **added.settings}
    for name, table in added.tables.items():
        if name not in raw["tables"]:
            raise UsageError(f"{path}: tables.{name}: {unknown(name, raw['tables'])}")
        shipped = raw["tables"][name]
        shipped["settings"] = {**(shipped.get("settings") or {}), **table.settings}
        columns = {column["name"]: column for column in shipped["columns"]}
        for column, aliases in table.aliases.items():
            if column not in columns:
                found = unknown(column, columns)
                raise UsageError(f"{path}: tables.{name}.aliases.{column}: {found}")
            columns[column]["aliases"] = [*columns[column].get("aliases", ()), *aliases]


def load_contract(project_dir: Path | None = None) -> dict[str, System]:
    """Every system by name, in the contract's order.

    A file ``contracts/<system>.yml`` below ``project_dir`` adds settings and aliases: how a
    company's files are written, never which tables and columns there are. Raises UsageError.
    """
    return _contract(project_dir)


@cache
def _contract(project_dir: Path | None) -> dict[str, System]:
    own = own_files(CONTRACTS, project_dir)
    for name in own.keys() - set(SYSTEMS):
        known = ", ".join(SYSTEMS)
        raise UsageError(f"{own[name]}: the contract has no system {name}, only {known}.")
    return {name: read_system(CONTRACTS_DIR / f"{name}.yml", own.get(name)) for name in SYSTEMS}
