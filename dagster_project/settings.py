"""Settings: everything that may differ between two installations, and nothing else.

Each is an environment variable ``HOURGLASS_<NAME>``. An unknown ``HOURGLASS_*`` variable or a
value that does not fit raises: a silent fallback has put test data into production elsewhere.
"""

import csv
import os
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
)
from pydantic_core.core_schema import ValidationInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dagster_project.errors import UsageError, did_you_mean
from dagster_project.operations.engine_settings import EngineSettings
from dagster_project.operations.setting_values import (
    empty_is_none,
    enough_memory,
    known_cron,
    known_currency,
    known_region,
    known_time_zone,
    listed,
    no_empty_path,
    remote_address,
    web_address,
    with_slash,
    words,
)

PACKAGE_DIR = Path(str(files("dagster_project")))
# What the package needs beside its code (dbt/, expectations/, the sample): in the wheel below the
# package, in the clone in its root.
_SHIPPED = PACKAGE_DIR / "shipped"
PROJECT_ROOT = _SHIPPED if _SHIPPED.is_dir() else PACKAGE_DIR.parent
PREFIX = "HOURGLASS_"

# Read by other parts of the project (dbt's profile), not settings of a person.
INTERNAL_VARIABLES = frozenset({"HOURGLASS_WAREHOUSE_PATH"})


_HOLIDAYS = PROJECT_ROOT / "dbt" / "seeds" / "calendar" / "holidays.csv"


def _of_marts(column_type: str) -> dict[str, JsonValue]:
    """Marks a setting whose value changes numbers of the marts.

    A build is of these values: ``control.parameters`` has a column of the type for each, which
    models read, and a changed value makes a run rebuild.
    """
    return {"parameter": column_type}


# Settings of earlier releases, and what to do instead.
RENAMED = {
    "HOURGLASS_WEBHOOK_URL": "write HOURGLASS_ALERT_URLS=jsons://host/path (json:// without TLS)",
}


def _country_with_holidays(value: str) -> str:
    with _HOLIDAYS.open(encoding="utf-8", newline="") as file:
        countries = sorted({row["country"] for row in csv.DictReader(file)})
    if value not in countries:
        raise ValueError(
            f"no holidays of {value!r} are known, only of {', '.join(countries)}; correct it, or "
            "add lines of that country to the seed calendar/holidays.csv"
        )
    return value


def _default_data_dir() -> Path:
    """``data/`` in the clone; of an installed package, in the folder where one works."""
    return (Path.cwd() if PROJECT_ROOT == _SHIPPED else PROJECT_ROOT) / "data"


class Settings(EngineSettings, BaseSettings):
    """One installation's settings; paths are absolute, dates are business dates."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data_dir: Annotated[Path, BeforeValidator(no_empty_path)] = Field(
        default_factory=_default_data_dir,
        description="Folder that holds all data, kept and derived.",
    )
    project_dir: Annotated[Path | None, BeforeValidator(empty_is_none)] = Field(
        default=None,
        description="Folder of one's own definitions, over those shipped: contracts/, mappings/, "
        "words/, expectations/, models/.",
    )
    as_of: Annotated[date | None, BeforeValidator(empty_is_none)] = Field(
        default=None, description="The only 'now': the last fully elapsed business date."
    )
    time_zone: Annotated[str, AfterValidator(known_time_zone)] = Field(
        default="UTC",
        json_schema_extra=_of_marts("VARCHAR"),
        description="Business time zone (IANA name).",
    )
    currency: Annotated[
        str | None, BeforeValidator(empty_is_none), AfterValidator(known_currency)
    ] = Field(
        default=None,
        json_schema_extra=_of_marts("VARCHAR"),
        description="Reporting currency; needed only when several are present.",
    )
    phone_region: Annotated[str, AfterValidator(known_region)] = Field(
        default="GB",
        json_schema_extra=_of_marts("VARCHAR"),
        description="Country of phone numbers written without a country code.",
    )
    lookback_days: int = Field(
        default=30,
        ge=1,
        le=365,
        json_schema_extra=_of_marts("INTEGER"),
        description="Attribution: days before a sale that count.",
    )
    half_life_days: float = Field(
        default=7.0,
        gt=0,
        le=365,
        json_schema_extra=_of_marts("DOUBLE"),
        description="Attribution: half-life of the time-decay model.",
    )
    won_deals: Annotated[Literal["sales", "pipeline"] | None, BeforeValidator(empty_is_none)] = (
        Field(
            default=None,
            json_schema_extra=_of_marts("VARCHAR"),
            description="Whether a won deal is a sale (sales) or stands apart (pipeline); sales by "
            "default where the shop delivered no orders.",
        )
    )
    holiday_country: Annotated[str, AfterValidator(_country_with_holidays)] = Field(
        default="GB",
        json_schema_extra=_of_marts("VARCHAR"),
        description="Country whose public holidays the calendar marks (seed holidays).",
    )
    loyalty_point_days: int = Field(
        default=365,
        ge=1,
        le=3650,
        json_schema_extra=_of_marts("INTEGER"),
        description="Loyalty: days for which points live, where the ledger shows that they expire.",
    )
    loyalty_gold_percent: float = Field(
        default=10,
        ge=0,
        le=100,
        json_schema_extra=_of_marts("DOUBLE"),
        description="Loyalty: per cent of earners, the highest, who are gold.",
    )
    loyalty_silver_percent: float = Field(
        default=40,
        ge=0,
        le=100,
        json_schema_extra=_of_marts("DOUBLE"),
        description="Loyalty: per cent of earners, the highest, who are gold or silver.",
    )
    affinity_partners: int = Field(
        default=500,
        ge=1,
        json_schema_extra=_of_marts("INTEGER"),
        description="Pairs of products: partners that are kept of each product, the most frequent.",
    )
    changed_ids_percent: float = Field(
        default=5.0,
        ge=0,
        le=100,
        description="Gate: share of the published records whose customer id may change at once.",
    )
    largest_customer_growth: int = Field(
        default=10,
        ge=0,
        description="Gate: contacts and accounts that the largest customer may gain in one build.",
    )
    language: Literal["en", "ru"] = Field(
        default="en", description="Language in which the report opens; the other is a link away."
    )
    report_url: Annotated[str, AfterValidator(web_address), AfterValidator(with_slash)] = Field(
        default="http://127.0.0.1:3001/",
        description="Where the report is served; hourglass ui does so on the port after its own.",
    )
    keep_versions: int = Field(
        default=7,
        ge=3,
        le=1000,
        description="Published versions kept for rollback and readers: the newest, and the newest "
        "of each of as many days.",
    )
    settle_seconds: float = Field(
        default=5.0,
        ge=0,
        le=86400,
        description="Seconds that a file in landing/ must have held still, 12 times as many when "
        "it looks cut off.",
    )
    memory_limit: Annotated[str, AfterValidator(enough_memory)] = Field(
        default="2GB", description="DuckDB's memory limit."
    )
    threads: int = Field(
        default_factory=lambda: max(1, os.cpu_count() or 1), ge=1, description="DuckDB's threads."
    )
    dagster_postgres_url: Annotated[str | None, BeforeValidator(empty_is_none)] = Field(
        default=None,
        repr=False,
        pattern=r"^postgresql(\+psycopg2)?://\S+$",
        description="PostgreSQL database for Dagster's history, instead of SQLite below data_dir.",
    )
    schedule_enabled: bool = Field(
        default=False, description="Start the daily schedule and the landing sensor."
    )
    schedule_cron: Annotated[str, AfterValidator(known_cron)] = Field(
        default="0 5 * * *", description="When the daily schedule ticks."
    )
    alert_urls: Annotated[tuple[str, ...], NoDecode, BeforeValidator(words)] = Field(
        default=(),
        repr=False,
        description="Addresses in Apprise's form, separated by blanks, that hear what is wrong.",
    )
    landing_url: Annotated[
        str | None, BeforeValidator(empty_is_none), AfterValidator(remote_address)
    ] = Field(
        default=None, description="Remote folder whose new files are brought into landing/ first."
    )
    publish_url: Annotated[
        str | None, BeforeValidator(empty_is_none), AfterValidator(remote_address)
    ] = Field(default=None, description="Remote folder that takes every published version too.")
    publish_postgres_url: Annotated[str | None, BeforeValidator(empty_is_none)] = Field(
        default=None,
        repr=False,
        pattern=r"^postgres(ql)?://\S+$",
        description="PostgreSQL database that takes every published version.",
    )
    publish_postgres_schema: str = Field(
        default="hourglass",
        pattern=r"^[a-z_][a-z0-9_]{0,30}$",
        description="Schema of the views there that lead to the version in force.",
    )
    publish_postgres_readers: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = Field(
        default=(), description="Roles there that may read the views, separated by commas."
    )

    delivery_url: Annotated[
        str | None, BeforeValidator(empty_is_none), AfterValidator(web_address)
    ] = Field(default=None, description="Webhook that takes the changes of audiences; https.")
    delivery_secret: Annotated[str | None, BeforeValidator(empty_is_none)] = Field(
        default=None, repr=False, description="Signs deliveries; the receiver knows it too."
    )

    # Behind the two that it needs, so that its check finds them.
    delivery_enabled: bool = Field(
        default=False, description="Let audiences be delivered to the webhook of delivery_url."
    )

    @field_validator("data_dir", "project_dir", "spark_warehouse", "spark_conf")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().resolve()

    @field_validator("data_dir")
    @classmethod
    def _is_no_file(cls, value: Path) -> Path:
        if value.exists() and not value.is_dir():
            raise ValueError("is a file; name a folder")
        return value

    @field_validator("delivery_enabled")
    @classmethod
    def _deliverable(cls, value: bool, info: ValidationInfo) -> bool:
        needed = ("delivery_url", "delivery_secret")
        # A field that is wrong itself is not in the data, and is told on its own.
        lacking = [name for name in needed if name in info.data and not info.data[name]]
        if value and lacking:
            names = " and ".join(PREFIX + name.upper() for name in lacking)
            raise ValueError(f"needs {names}; set what is missing, or switch deliveries off")
        return value

    @property
    def today(self) -> date:
        """Today in the business time zone."""
        return datetime.now(ZoneInfo(self.time_zone)).date()

    @property
    def landing_dir(self) -> Path:
        return self.data_dir / "landing"

    @property
    def warehouse_dir(self) -> Path:
        return self.data_dir / "warehouse"

    @property
    def warehouse_path(self) -> Path:
        return self.warehouse_dir / "warehouse.duckdb"

    @property
    def published_dir(self) -> Path:
        return self.data_dir / "published"

    @property
    def restricted_dir(self) -> Path:
        return self.data_dir / "restricted"

    @property
    def exports_dir(self) -> Path:
        return self.data_dir / "exports"

    @property
    def exported_marts_dir(self) -> Path:
        """Marts that were written for other tools; an erasure removes them as a whole."""
        return self.exports_dir / "marts"

    @property
    def dagster_home(self) -> Path:
        return self.data_dir / "dagster"


def mart_parameters() -> dict[str, str]:
    """The settings that change numbers of the marts, with the DuckDB type of their values."""
    return {
        name: str(field.json_schema_extra["parameter"])
        for name, field in Settings.model_fields.items()
        if isinstance(field.json_schema_extra, dict) and "parameter" in field.json_schema_extra
    }


def deciding_settings(settings: Settings) -> dict[str, Any]:
    """The values of the settings that change numbers of the marts."""
    return {name: getattr(settings, name) for name in mart_parameters()}


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, with ``overrides`` (None: not given) on top.

    Raises UsageError with a sentence for each variable that is unknown or does not fit.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields} | INTERNAL_VARIABLES
    unknown = sorted(
        n for n in os.environ if n.upper().startswith(PREFIX) and n.upper() not in known
    )
    problems = [
        f"{name} is gone: {instead}." for name, instead in RENAMED.items() if name in unknown
    ]
    unknown = [name for name in unknown if name not in RENAMED]
    if unknown:
        names = sorted(known - INTERNAL_VARIABLES)
        problems += [
            f"Unknown setting {name}.{did_you_mean(name.upper(), names, prefix=PREFIX)} "
            "Unset it or correct its name."
            for name in unknown
        ]
        problems.append(f"Known are {', '.join(names)}.")
    try:
        settings = Settings(
            **{name: value for name, value in overrides.items() if value is not None}
        )
    except ValidationError as error:
        problems += [_problem(item) for item in error.errors(include_url=False)]
    if problems:
        raise UsageError("\n".join(problems))
    return settings


# What a value of a type looks like, by the beginning of the name of pydantic's error.
_LOOKS_LIKE = {
    "int": "a whole number, such as 2",
    "float": "a number, such as 0.5",
    "decimal": "a number, such as 0.5",
    "bool": "true or false",
    "date": "a date, such as 2026-06-30",
}


def _problem(item: Any) -> str:
    """One sentence about one setting that does not fit: what a check here said, or pydantic."""
    name = PREFIX + ".".join(str(part) for part in item["loc"]).upper()
    own = item.get("ctx", {}).get("error")
    if isinstance(own, ValueError):
        return f"{name}: {own}."
    kind, _, fault = item["type"].partition("_")
    if kind in _LOOKS_LIKE and fault.endswith(("parsing", "type", "inexact", "from_float")):
        return f"{name}: {item['input']!r} is not {_LOOKS_LIKE[kind]}."
    if item["type"] == "string_pattern_mismatch":
        # Not the value: an address holds a password.
        what = Settings.model_fields[str(item["loc"][0])].description or ""
        return f"{name}: not of the form {item['ctx']['pattern']}. It is: {what}"
    said = item["msg"].replace("Input should be", "must be")
    return f"{name}: {item['input']!r} {said}."
