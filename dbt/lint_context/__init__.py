"""What dbt puts into the context of a template, for sqlfluff's jinja templater (see .sqlfluff).

dbt's own templater renders the same text, but parses the project and opens the warehouse.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import yaml


class Adapter:
    """Finds the macro of the engine, as ``adapter.dispatch`` does."""

    @jinja2.pass_context
    def dispatch(
        self, context: jinja2.runtime.Context, name: str, package: str
    ) -> Callable[..., str]:
        """The DuckDB macro ``name``, else the default one."""
        for prefix in ("duckdb__", "default__"):
            macro = context.resolve(prefix + name)
            if not isinstance(macro, jinja2.Undefined):
                return macro
        raise LookupError(f"{package} has no macro default__{name}")

    def get_columns_in_relation(self, relation: str) -> list[Any]:
        """None: no table was built yet."""
        return []


class Types:
    """Names of types, as the macros of dbt itself give them."""

    def type_string(self) -> str:
        return "varchar"

    def type_float(self) -> str:
        return "double"


class Config:
    """A model's configuration: nothing is set."""

    def __call__(self, **options: Any) -> str:
        return ""

    def get(self, name: str, default: Any = None) -> Any:
        return default


class Model:
    """The node that is compiled: nothing of it is known."""

    raw_code = ""


def var(name: str) -> Any:
    """The variable of dbt_project.yml."""
    project = Path(__file__).resolve().parent.parent / "dbt_project.yml"
    return yaml.safe_load(project.read_text(encoding="utf-8"))["vars"][name]


def local_md5(text: str) -> str:
    """Any digest does: nothing compares it."""
    return "0"


class Exceptions:
    """Errors that a template raises by itself."""

    def raise_compiler_error(self, message: str) -> None:
        raise ValueError(message)


adapter = Adapter()
dbt = Types()
config = Config()
model = Model()
exceptions = Exceptions()
