"""Where personal columns go: the contract's tags followed through dbt's lineage to what is kept.

Lineage is that of tables: a mart that a personal column's table leads to is listed, whether or not
the column itself survives on the way. Nothing here reads data.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_project.activation.mart_schemas import DESCRIPTIONS
from dagster_project.activation.mart_schemas import MARTS as AUDIENCE_MARTS
from dagster_project.contracts import load_contract, read_yaml
from dagster_project.contracts.mapping import load_mappings
from dagster_project.errors import UsageError
from dagster_project.privacy.references import RECORD_KEYS

PURPOSES_PATH = Path(__file__).resolve().parent / "purposes.yml"
# A published row with one of these columns is of a person.
NAMING = ("customer_id", "old_customer_id", *RECORD_KEYS)


@dataclass(frozen=True)
class SourceProcessing:
    """One contract table in the record of processing.

    ``columns``: tag by personal column. ``fed_by``: vendors' exports besides the canonical file.
    ``marts``: published tables that stand on it and name a person, an order or a call in each row;
    ``restricted``: those with direct identifiers; ``sums``: how many more hold only sums of it.
    """

    system: str
    table: str
    description: str
    columns: Mapping[str, str]
    fed_by: tuple[str, ...]
    marts: tuple[str, ...]
    restricted: tuple[str, ...]
    sums: int
    purposes: tuple[str, ...]
    legal_basis: str
    keep_days: int | None


def record_of_processing(manifest: Path, project_dir: Path | None = None) -> list[SourceProcessing]:
    """Every contract table with personal columns, in the contract's order.

    ``manifest``: dbt's manifest.json; ``project_dir``: where a company's own ``keep_days`` stand.
    Raises UsageError when a system has no purposes.
    """
    purposes = read_yaml(PURPOSES_PATH)["sources"]
    feeds: dict[str, list[str]] = {}
    for name, mapping in load_mappings().items():
        for fed in mapping.tables:
            feeds.setdefault(fed, []).append(name)
    reached = _published_from_sources(manifest)
    found = []
    tables_of = load_contract(project_dir).items()
    for system, table in [(name, t) for name, s in tables_of for t in s.tables.values()]:
        columns = {c.name: c.personal for c in table.columns if c.personal != "none"}
        if not columns:
            continue
        if system not in purposes:
            raise UsageError(
                f"{PURPOSES_PATH}: {system} has personal columns and no purposes. Write why they "
                "are processed."
            )
        name = f"{system}.{table.name}"
        tables = reached.get(name, {})
        found.append(
            SourceProcessing(
                system,
                table.name,
                table.description,
                columns,
                tuple(sorted(feeds.get(name, ()))),
                tuple(sorted(t for t, kind in tables.items() if kind == "named")),
                tuple(sorted(t for t, kind in tables.items() if kind == "restricted")),
                sum(kind == "sums" for kind in tables.values()),
                tuple(purposes[system]["purposes"]),
                purposes[system]["legal_basis"],
                table.settings.keep_days,
            )
        )
    return found


def _published_from_sources(manifest: Path) -> dict[str, dict[str, str]]:
    """By source (``crm.contacts``): the published tables behind it, each with its kind: named (each
    row is of a person), restricted or sums.
    """
    content = json.loads(manifest.read_text(encoding="utf-8"))
    children = content["child_map"]
    nodes = content["nodes"]
    found: dict[str, dict[str, str]] = {}
    for key, source in content["sources"].items():
        seen: set[str] = set()
        todo = list(children.get(key, ()))
        while todo:
            child = todo.pop()
            if child in seen or not child.startswith("model."):
                continue
            seen.add(child)
            todo += children.get(child, ())
        found[f"{source['source_name']}.{source['name']}"] = {
            nodes[one]["name"]: _kind(nodes[one])
            for one in seen
            if nodes[one]["schema"] in ("marts", "restricted")
        }
    # What people are told apart by goes through the identity step, which dbt does not see.
    people = {
        name: schema
        for source, tables in found.items()
        if source.startswith("identity.")
        for name, schema in tables.items()
    }
    for tables in found.values():
        if any(name in tables for name in ("customer_identities", "customer_contacts")):
            tables.update(people)
        if "customers" in tables:
            # Built in Python, from the marts.
            for mart in AUDIENCE_MARTS:
                tables[mart] = "named" if "customer_id" in DESCRIPTIONS[mart] else "sums"
    return found


def _kind(node: Mapping[str, Any]) -> str:
    if node["schema"] == "restricted":
        return "restricted"
    return "named" if set(NAMING) & set(node["columns"]) else "sums"
