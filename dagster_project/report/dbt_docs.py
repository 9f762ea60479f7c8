"""dbt docs of a version: one page with every model, column and test and the lineage.

dbt's own page with this version's manifest and catalogue inside it, as ``dbt docs generate
--static`` makes it; writing it here costs no start of dbt. It opens from disk and asks nothing of
any network. What no reader needs stays out: dbt's own macros, and paths of the machine.
"""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.publish.reading import marts_in
from dagster_project.warehouse import identifier

# The page's address below report/.
PATH = "dbt/index.html"
# What dbt's page has where its data belong.
_PLACES = ('"MANIFEST.JSON INLINE DATA"', '"CATALOG.JSON INLINE DATA"')
# Keys of a node that say where it lies on this machine, or what dbt keeps for itself.
_PRIVATE = frozenset({"root_path", "build_path", "compiled_path", "patch_path", "checksum"})


def render_docs(con: duckdb.DuckDBPyConnection, manifest: Path) -> str:
    """The page: ``manifest`` is dbt's manifest.json, ``con`` reads the version's marts.duckdb.

    Raises HourglassError when dbt's page is not as it was in dbt-core 1.11.
    """
    page = (resources.files("dbt.task.docs") / "index.html").read_text(encoding="utf-8")
    if any(place not in page for place in _PLACES):
        raise HourglassError(
            "dbt's documentation page has changed: it has no place for its data. Install the "
            "locked version of dbt-core."
        )
    project = _public(json.loads(manifest.read_text(encoding="utf-8")), manifest.parent.parent)
    for place, content in zip(_PLACES, (project, _catalogue(con, project)), strict=True):
        # Inside a script element: no tag may begin in it.
        text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
        page = page.replace(place, text)
    return page


def _public(manifest: dict[str, Any], folder: Path) -> dict[str, Any]:
    own = manifest["metadata"]["project_name"]
    manifest["macros"] = {
        key: macro for key, macro in manifest["macros"].items() if macro["package_name"] == own
    }
    manifest["metadata"] = {
        key: value
        for key, value in manifest["metadata"].items()
        if key not in ("env", "user_id", "invocation_id")
    }
    for kind in ("nodes", "sources", "macros", "exposures"):
        for node in manifest[kind].values():
            for key in _PRIVATE & node.keys():
                del node[key]
    return _without(manifest, str(folder))


def _without(value: Any, folder: str) -> Any:
    """``value`` with the project's folder cut from every text."""
    if isinstance(value, str):
        return value.replace(f"{folder}/", "").replace(folder, "")
    if isinstance(value, dict):
        return {key: _without(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, folder) for item in value]
    return value


def _catalogue(con: duckdb.DuckDBPyConnection, manifest: dict[str, Any]) -> dict[str, Any]:
    """Types and rows of the published tables, as dbt's page reads them."""
    present = set(marts_in(con))
    nodes = {
        key: _table(con, key, node)
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["name"] in present
    }
    return {"metadata": {}, "nodes": nodes, "sources": {}, "errors": None}


def _table(con: duckdb.DuckDBPyConnection, key: str, node: dict[str, Any]) -> dict[str, Any]:
    name = identifier(node["name"])
    columns = con.execute(f"DESCRIBE {name}").fetchall()
    row = con.execute(f"SELECT count(*) FROM {name}").fetchone()
    rows = {
        "id": "row_count",
        "label": "Rows",
        "value": row[0] if row else 0,
        "include": True,
        "description": "Rows of the published table.",
    }
    return {
        "unique_id": key,
        "metadata": {
            "type": "BASE TABLE",
            "schema": "main",
            "name": node["name"],
            "database": "marts",
            "comment": None,
            "owner": None,
        },
        "columns": {
            column: {"type": kind, "index": index, "name": column, "comment": None}
            for index, (column, kind, *_) in enumerate(columns, start=1)
        },
        "stats": {
            "row_count": rows,
            "has_stats": {
                "id": "has_stats",
                "label": "Has Stats?",
                "value": True,
                "include": False,
                "description": "",
            },
        },
    }
