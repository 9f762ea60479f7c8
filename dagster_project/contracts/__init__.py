"""The source contract as data: which tables and columns a company may deliver.

One YAML file per system stands beside this module; ``load_contract`` reads them all. An unknown
key in a file raises: a misspelt rule that is silently ignored would let bad records through.
"""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from cronsim import CronSim, CronSimError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dagster_project.errors import UsageError

CONTRACTS_DIR = Path(__file__).resolve().parent
SYSTEMS = ("crm", "shop", "marketing", "call_center")

ColumnType = Literal[
    "text",
    "timestamp",
    "date",
    "boolean",
    "money",
    "unit_price",
    "quantity",
    "rate",
    "score",
    "integer",
]
PersonalTag = Literal["direct identifier", "personal", "none"]

DUCKDB_TYPES: dict[str, str] = {
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "money": "DECIMAL(18,2)",
    "unit_price": "DECIMAL(18,6)",
    "quantity": "DECIMAL(18,3)",
    "rate": "DECIMAL(18,9)",
    "score": "DECIMAL(18,3)",
    "integer": "BIGINT",
}

META_COLUMNS: dict[str, str] = {
    "_file_hash": "VARCHAR",
    "_line": "BIGINT",
    "_delivered_on": "DATE",
    "_extra": "VARCHAR",
}


# Every command reads the contract and all mappings: libyaml takes a sixth of Python's time.
YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Model = TypeVar("Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Strict):
    """One column of a canonical table.

    ``required`` columns must hold a valid value or the record goes to quarantine; ``key`` columns
    name the record. ``words`` names the seed that turns vendors' words into accepted ones.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: ColumnType
    key: bool = False
    required: bool = False
    personal: PersonalTag
    description: str
    accepted_values: tuple[str, ...] = ()
    words: str | None = None
    aliases: tuple[str, ...] = ()

    @property
    def duckdb_type(self) -> str:
        return DUCKDB_TYPES[self.type]


class IdentifiedBy(_Strict):
    """Columns that can say whose record it is; with ``required`` at least one has a value."""

    columns: tuple[str, ...]
    required: bool


class SourceSettings(_Strict):
    """How a source writes its files; what is None is found out from each file.

    ``time_zone`` and ``phone_region`` fall back to the installation's settings. ``null_words`` are
    texts that mean "no value" in every column, besides the empty field. ``date_order`` decides
    dates such as 03/04/2025; without it the whole column decides. ``header`` names the columns, in
    order, of text files that begin with their first record; a file may lack the last ones. Lines
    that begin with ``comment`` are no records: remarks, or a line of totals below the table.

    ``expected_delivery`` is a cron expression in the source's time zone: by then a file must have
    come. ``volume_band`` is (low, high) as shares of the median records of the same weekday in
    the eight weeks before. What is late or outside warns or, as ``late_or_odd`` says, blocks the
    publish.
    """

    time_zone: str | None = None
    phone_region: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str | None = None
    header: tuple[str, ...] = ()
    decimal: Literal[".", ","] | None = None
    thousands: Literal[",", ".", " ", "'", "_"] | None = None
    date_order: Literal["day_first", "month_first", "year_first"] | None = None
    date_formats: tuple[str, ...] = ()
    comment: str | None = Field(default=None, min_length=1)
    null_words: tuple[str, ...] = ()
    expected_delivery: str | None = None
    volume_band: tuple[float, float] | None = None
    late_or_odd: Literal["warn", "block"] = "warn"

    @field_validator("expected_delivery")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                CronSim(value, datetime(2026, 1, 1))
            except CronSimError:
                raise ValueError(
                    "must be a cron expression such as '0 4 * * 1-5' (minute, hour, day, month, "
                    "weekday)"
                ) from None
        return value

    @field_validator("volume_band")
    @classmethod
    def _is_band(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 <= value[0] <= 1 <= value[1]:
            raise ValueError("must be two shares of the usual volume around 1, such as [0.5, 2.0]")
        return value


class Table(_Strict):
    """One canonical table of a system."""

    name: str
    description: str
    columns: tuple[Column, ...]
    identified_by: IdentifiedBy | None = None
    settings: SourceSettings = SourceSettings()

    @model_validator(mode="after")
    def _consistent(self) -> "Table":
        names = [column.name for column in self.columns]
        words = names + [alias for column in self.columns for alias in column.aliases]
        doubled = sorted({word for word in words if words.count(word) > 1})
        if doubled:
            raise ValueError(f"names or aliases that stand twice: {', '.join(doubled)}")
        if self.identified_by and not set(self.identified_by.columns) <= set(names):
            raise ValueError("identified_by names a column that the table lacks")
        return self

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.key)

    def column(self, name: str) -> Column:
        """The column ``name``; KeyError when the table lacks it."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


class System(_Strict):
    """One source system: its tables by name, and the settings of its files."""

    system: str
    description: str
    settings: SourceSettings = SourceSettings()
    tables: dict[str, Table]


def read_system(path: Path) -> System:
    """One contract file; UsageError names the file and the key that is wrong."""
    raw = read_yaml(path)
    for name, table in (raw.get("tables") or {}).items():
        if isinstance(table, dict):
            table.setdefault("name", name)
            shared = raw.get("settings") or {}
            table["settings"] = {**shared, **(table.get("settings") or {})}
    return validated(System, raw, path)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping; UsageError says where it cannot be read."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), YAML_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{where}: not readable as YAML. Correct the file.") from None
    if not isinstance(raw, dict):
        raise UsageError(f"{path}: expected keys and values, found {type(raw).__name__}.")
    return raw


def validated(model: type[Model], raw: dict[str, Any], path: Path) -> Model:
    """``raw`` as ``model``; UsageError lists every key that is unknown, missing or wrong."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = [
            ": ".join(filter(None, (".".join(map(str, item["loc"])), _said(item))))
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise UsageError(f"{path}: " + "; ".join(problems)) from None


def _said(item: Any) -> str:
    """What a check of our own said, or pydantic's words."""
    own = item.get("ctx", {}).get("error")
    return str(own) if isinstance(own, ValueError) else item["msg"]


@cache
def load_contract() -> dict[str, System]:
    """Every system by name, in the contract's order."""
    return {name: read_system(CONTRACTS_DIR / f"{name}.yml") for name in SYSTEMS}


def get_table(system: str, table: str) -> Table:
    """One canonical table; KeyError when the contract lacks it."""
    return load_contract()[system].tables[table]
