"""Models as SQL of plain DuckDB, without dbt: sources and models by their names in one schema."""

from pathlib import Path
from types import SimpleNamespace

import jinja2

from dagster_project.settings import PROJECT_ROOT

CONTACTS = PROJECT_ROOT / "dbt" / "models" / "core" / "identity" / "customer_contacts.sql"


def rendered(model: Path, *, this: str = "", is_incremental: bool = False) -> str:
    """The query of ``model``, its models in the schema ``intermediate``, as dbt writes it there.

    The macros are those that a golden record needs, in the form that DuckDB has them.
    """
    return (
        jinja2.Environment()
        .from_string(model.read_text())
        .render(
            source=lambda schema, name: f"{schema}.{name}",
            ref=lambda name: f"intermediate.{name}",
            dbt=SimpleNamespace(type_string=lambda: "varchar"),
            hash_text=lambda text: f"md5({text})",
            string_agg=lambda text, mark, order: f"string_agg({text}, '{mark}' ORDER BY {order})",
            arg_max=lambda value, by: f"arg_max({value}, {by})",
            local_md5=lambda text: str(len(text)),
            is_incremental=lambda: is_incremental,
            model={"raw_code": ""},
            this=this,
        )
    )
