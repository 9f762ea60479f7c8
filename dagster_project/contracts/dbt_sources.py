"""dbt's YAML for raw and staging tables, written from the source contract.

The contract describes every column once. ``python -m dagster_project.contracts.dbt_sources`` writes
``dbt/models/staging/<system>/_<system>__sources.yml`` and ``_<system>__models.yml``; a test
compares them with what it would write.
"""

from typing import Any

import yaml

from dagster_project.contracts import Column, System, Table, load_contract
from dagster_project.settings import PROJECT_ROOT

STAGING_DIR = PROJECT_ROOT / "dbt" / "models" / "staging"
HEADER = (
    "# Written by python -m dagster_project.contracts.dbt_sources: change the contract instead.\n"
)


def _column(column: Column) -> dict[str, Any]:
    written: dict[str, Any] = {"name": column.name, "description": column.description}
    if column.personal != "none":
        written["config"] = {"meta": {"personal_data": column.personal}}
    return written


def _sources(system: System) -> dict[str, Any]:
    tables = [
        {
            "name": table.name,
            "description": table.description,
            "columns": [_column(column) for column in table.columns],
        }
        for table in system.tables.values()
    ]
    source = {
        "name": system.system,
        "schema": system.system,
        "description": system.description,
        "tables": tables,
    }
    return {"version": 2, "sources": [source]}


def _model(system: str, table: Table) -> dict[str, Any]:
    model: dict[str, Any] = {
        "name": f"stg_{system}__{table.name}",
        "description": (
            f"{table.description} The newest version of each, up to as_of. "
            f"Grain: {', '.join(table.key) or 'all columns'}."
        ),
    }
    columns = [_column(column) for column in table.columns]
    if len(table.key) == 1:
        columns[table.column_names.index(table.key[0])]["data_tests"] = ["unique"]
    elif table.key:
        model["data_tests"] = [{"unique_combination": {"arguments": {"columns": list(table.key)}}}]
    model["columns"] = columns
    return model


def _models(system: System) -> dict[str, Any]:
    return {
        "version": 2,
        "models": [_model(system.system, table) for table in system.tables.values()],
    }


def rendered() -> dict[str, str]:
    """Text of each YAML file, by its path below ``dbt/models/staging``."""
    files = {}
    for name, system in load_contract().items():
        for kind, content in (("sources", _sources(system)), ("models", _models(system))):
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
            files[f"{name}/_{name}__{kind}.yml"] = HEADER + text
    return files


def main() -> None:
    """Write the files, leaving alone what is as it should be: dbt parses what is newer."""
    for path, text in rendered().items():
        target = STAGING_DIR / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
