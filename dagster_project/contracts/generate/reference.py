"""The mapping language told from its code: a JSON schema for editors, and the reference page.

The page's sentences stand in ``mappings_page.md`` beside this module; the lists within it (keys,
settings, types, functions) are put in from the types and the parser.
"""

import json
from collections.abc import Mapping as Entries
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from dagster_project.contracts import DUCKDB_TYPES, SourceSettings, load_contract
from dagster_project.contracts.expressions import AGGREGATES, FUNCTIONS, OWN_FUNCTIONS
from dagster_project.contracts.mapping import LeaveOut, MappedColumn, MappedTable, Mapping

SCHEMA = "docs/mapping.schema.json"
PAGE = "docs/mappings.md"
_TEMPLATE = Path(__file__).with_name("mappings_page.md")


def mapping_schema() -> dict[str, Any]:
    """The JSON schema of a mapping file, with the contract's tables and columns."""
    schema = Mapping.model_json_schema()
    properties = schema["properties"]
    properties["explode"] = {"anyOf": [{"type": "string"}, properties["explode"]]}
    tables = {
        f"{system.system}.{table.name}": _one_or_several(table.column_names)
        for system in load_contract().values()
        for table in system.tables.values()
    }
    properties["tables"] = {
        "type": "object",
        "properties": tables,
        "additionalProperties": False,
        "description": "The canonical tables that the export feeds.",
    }
    schema["title"] = "Mapping of a vendor's export"
    return schema


def _one_or_several(columns: tuple[str, ...]) -> dict[str, Any]:
    way = {
        "$ref": "#/$defs/MappedTable",
        "properties": {"columns": {"propertyNames": {"enum": list(columns)}}},
    }
    return {"anyOf": [way, {"type": "array", "items": way}]}


def reference_files() -> dict[str, str]:
    """The schema and the page by their paths."""
    page = _TEMPLATE.read_text(encoding="utf-8")
    for name, lines in {
        "keys": _keys(Mapping),
        "columns": _keys(MappedColumn),
        "leave_out": _keys(LeaveOut),
        "tables": _keys(MappedTable),
        "settings": _keys(SourceSettings),
        "types": _listed({name: f"`{kind}`" for name, kind in DUCKDB_TYPES.items()}),
        "aggregates": ", ".join(f"`{name}`" for name in sorted(AGGREGATES)),
        "functions": ", ".join(f"`{name}`" for name in sorted(FUNCTIONS)),
        "own": _listed(OWN_FUNCTIONS),
    }.items():
        page = page.replace(f"{{{{ {name} }}}}", lines)
    schema = json.dumps(mapping_schema(), indent=1, ensure_ascii=False, sort_keys=True)
    return {PAGE: page, SCHEMA: f"{schema}\n"}


def _keys(model: type[BaseModel]) -> str:
    """``key`` (needed or not), as a list; what each means stands in the page's sentences."""
    names = (
        f"`{name}`" + (" (needed)" if field.is_required() else "")
        for name, field in model.model_fields.items()
        # Refused in a mapping: said of the tables that it feeds.
        if name != "keep_days"
    )
    return ", ".join(names)


def _listed(entries: Entries[str, str]) -> str:
    return "\n".join(f"- `{name}`: {text}" for name, text in entries.items())
