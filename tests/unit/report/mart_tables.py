"""Empty marts as their contracts declare them: every column, its type, and the descriptions."""

from functools import cache

import duckdb
import yaml

from dagster_project.activation.lift import RESULTS
from dagster_project.activation.mart_schemas import AUDIENCES, CHANGES, DESCRIPTIONS
from dagster_project.contracts.generate.exposures import published_models
from dagster_project.settings import PROJECT_ROOT
from dagster_project.warehouse import quoted

LAYERS = ("core", "marts")


@cache
def contracts() -> dict[str, dict]:
    """The declared model by name, of every published mart."""
    published, _ = published_models(PROJECT_ROOT)
    found = {}
    for layer in LAYERS:
        for path in sorted((PROJECT_ROOT / "dbt" / "models" / layer).rglob("*.yml")):
            for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", ()):
                if model["name"] in published:
                    found[model["name"]] = model
    return found


def create_marts(con: duckdb.DuckDBPyConnection) -> None:
    """Create every mart with its comments, without NOT NULL: tests put odd rows in."""
    for name, columns in (
        ("audiences", AUDIENCES),
        ("audience_changes", CHANGES),
        ("audience_results", RESULTS),
    ):
        con.execute(f"create table {name} ({columns})")
        con.execute(f"comment on table {name} is {quoted(DESCRIPTIONS[name][None])}")
    for name, model in contracts().items():
        columns = ", ".join(f'"{c["name"]}" {c["data_type"]}' for c in model["columns"])
        con.execute(f'create table "{name}" ({columns})')
        text = " ".join((model.get("description") or "").split()).replace("'", "''")
        con.execute(f"comment on table \"{name}\" is '{text}'")
