"""Exposures of dbt: who reads which marts, found in the code that reads them.

Each page of the report is one, with the marts that its sections declare (a test of theirs holds
each against the SQL that it runs); those of BI tools are all that are published without direct
identifiers. Only names, owners and descriptions are written here.
"""

import ast
from pathlib import Path
from typing import Any

import yaml

from dagster_project.contracts.yaml_files import read_yaml

PATH = "dbt/models/exposures.yml"
_COMMENT = "# Written by make contracts: see dagster_project/contracts/generate/exposures.py.\n"
_ANALYTICS = {"name": "Customer analytics", "email": "analytics@example.org"}
_PROTECTION = {"name": "Data protection", "email": "privacy@example.org"}


def published_models(root: Path) -> tuple[set[str], set[str]]:
    """(marts without direct identifiers, restricted marts), from dbt_project.yml and the models."""
    project = read_yaml(root / "dbt" / "dbt_project.yml")
    layers = project["models"][project["name"]]
    restricted: set[str] = set()
    models: set[str] = set()
    for layer, config in layers.items():
        if not _is_public(config):
            continue
        folder = root / "dbt/models" / layer
        # A folder of the layer that is not public itself prepares what is.
        kept = [folder / name for name, c in config.items() if _is_private(c)]
        for path in folder.rglob("*.*"):
            if any(private in path.parents for private in kept):
                continue
            if path.suffix == ".sql":
                models.add(path.stem)
            elif path.suffix == ".yml":
                for model in read_yaml(path).get("models") or ():
                    if (model.get("config") or {}).get("schema") == "restricted":
                        restricted.add(model["name"])
    return models - restricted, restricted


def _is_public(config: Any) -> bool:
    return isinstance(config, dict) and config.get("+access") == "public"


def _is_private(config: Any) -> bool:
    return isinstance(config, dict) and config.get("+access", "public") != "public"


def _marts_of(path: Path) -> set[str]:
    """The marts that a module declares in a tuple ``MARTS``."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if any(isinstance(name, ast.Name) and name.id == "MARTS" for name in targets):
            found.update(ast.literal_eval(node.value))  # type: ignore[attr-defined]
    return found


def report_pages(folder: Path) -> list[tuple[str, str, set[str]]]:
    """(slug, title, marts) of each page, from the calls of ``Page`` in ``pages.py``."""
    pages = []
    for node in ast.walk(ast.parse((folder / "pages.py").read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Page"):
            continue
        slug, title, sections = node.args
        marts: set[str] = set()
        for section in sections.elts:  # type: ignore[attr-defined]
            marts |= _marts_of(folder / "sections" / f"{section.id}.py")
        text = ast.literal_eval(title.args[0])  # type: ignore[attr-defined]
        pages.append((ast.literal_eval(slug), text, marts))
    return pages


def exposures_file(root: Path) -> dict[str, str]:
    """The text of ``dbt/models/exposures.yml`` by its path."""
    public, restricted = published_models(root)
    exposures = [
        *(
            _exposure(
                (f"report_{slug}", f"Report: {title}", "dashboard", "high"),
                f"The page {slug}.html of the report of every published version.",
                _ANALYTICS,
                # Every page says of which build it is; audiences are no models of dbt.
                (marts | {"build"}) & public,
            )
            for slug, title, marts in report_pages(root / "dagster_project" / "report")
        ),
        _exposure(
            ("business_intelligence", "BI tools", "analysis", "high"),
            "Any tool that reads published/current/marts.duckdb or its Parquet files: all marts "
            "without direct identifiers.",
            _ANALYTICS,
            public,
        ),
        _exposure(
            ("customer_service", "People who look customers up", "application", "medium"),
            "Whoever may see direct identifiers reads restricted/current/restricted.duckdb, folder "
            "mode 0700, beside the customers that they belong to.",
            _PROTECTION,
            restricted | {"customers"},
        ),
    ]
    text = yaml.safe_dump({"version": 2, "exposures": exposures}, sort_keys=False, width=100)
    return {PATH: _COMMENT + text}


def _exposure(
    head: tuple[str, str, str, str], description: str, owner: dict[str, str], marts: set[str]
) -> dict[str, Any]:
    name, label, kind, maturity = head
    return {
        "name": name,
        "label": label,
        "type": kind,
        "maturity": maturity,
        "description": description,
        "owner": dict(owner),
        "depends_on": [f"ref('{mart}')" for mart in sorted(marts)],
    }
