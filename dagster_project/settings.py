"""Settings: everything that may differ between two installations, and nothing else.

Each is an environment variable ``HOURGLASS_<NAME>``. An unknown ``HOURGLASS_*`` variable or a
value that does not fit raises: a silent fallback has put test data into production elsewhere.
"""

import os
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dagster_project.errors import UsageError

PACKAGE_DIR = Path(str(files("dagster_project")))
# What the package needs beside its code (dbt/, expectations/, the sample): in the wheel below the
# package, in the clone in its root.
_SHIPPED = PACKAGE_DIR / "shipped"
PROJECT_ROOT = _SHIPPED if _SHIPPED.is_dir() else PACKAGE_DIR.parent
PREFIX = "HOURGLASS_"

# Read by other parts of the project (dbt's profile), not settings of a person.
INTERNAL_VARIABLES = frozenset({"HOURGLASS_WAREHOUSE_PATH"})


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


def _default_data_dir() -> Path:
    """``data/`` in the clone; of an installed package, in the folder where one works."""
    return (Path.cwd() if PROJECT_ROOT == _SHIPPED else PROJECT_ROOT) / "data"


class Settings(BaseSettings):
    """One installation's settings; paths are absolute, dates are business dates."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="Folder that holds all data, kept and derived.",
    )
    project_dir: Annotated[Path | None, BeforeValidator(_empty_is_none)] = Field(
        default=None,
        description="Folder of one's own definitions, over those shipped: contracts/, mappings/, "
        "words/, expectations/, models/.",
    )
    as_of: Annotated[date | None, BeforeValidator(_empty_is_none)] = Field(
        default=None, description="The only 'now': the last fully elapsed business date."
    )
    time_zone: str = Field(default="UTC", description="Business time zone (IANA name).")
    currency: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        default=None,
        pattern=r"^[A-Z]{3}$",
        description="Reporting currency; needed only when several are present.",
    )
    phone_region: str = Field(
        default="GB",
        pattern=r"^[A-Z]{2}$",
        description="Country of phone numbers written without a country code.",
    )
    lookback_days: int = Field(
        default=30, ge=1, le=365, description="Attribution: days before a sale that count."
    )
    half_life_days: float = Field(
        default=7.0, gt=0, le=365, description="Attribution: half-life of the time-decay model."
    )
    won_deals: Annotated[Literal["sales", "pipeline"] | None, BeforeValidator(_empty_is_none)] = (
        Field(
            default=None,
            description="Whether a won deal is a sale (sales) or stands apart (pipeline); sales by "
            "default where the shop delivered no orders.",
        )
    )
    holiday_country: str = Field(
        default="GB",
        pattern=r"^[A-Z]{2}$",
        description="Country whose public holidays the calendar marks (seed holidays).",
    )
    changed_ids_percent: float = Field(
        default=5.0,
        ge=0,
        le=100,
        description="Gate: share of the published customers whose id may change in one build.",
    )
    largest_customer_growth: int = Field(
        default=10,
        ge=0,
        description="Gate: contacts and accounts that the largest customer may gain in one build.",
    )
    language: Literal["en", "ru"] = Field(
        default="en", description="Language in which the report opens; the other is a link away."
    )
    report_url: str = Field(
        default="http://127.0.0.1:3001/",
        pattern=r"^https?://\S+/$",
        description="Where the report is served; hourglass ui does so on the port after its own.",
    )
    keep_versions: int = Field(
        default=7, ge=3, le=1000, description="Published versions kept for rollback and readers."
    )
    settle_seconds: float = Field(
        default=5.0,
        ge=0,
        le=86400,
        description="Seconds that a file in landing/ must have held still, 12 times as many when "
        "it looks cut off.",
    )
    memory_limit: str = Field(
        default="2GB", pattern=r"^\d+(\.\d+)?\s?[KMGT]i?B$", description="DuckDB's memory limit."
    )
    threads: int = Field(
        default_factory=lambda: max(1, os.cpu_count() or 1), ge=1, description="DuckDB's threads."
    )
    schedule_enabled: bool = Field(
        default=False, description="Start the daily schedule and the landing sensor."
    )
    schedule_cron: str = Field(default="0 5 * * *", description="When the daily schedule ticks.")
    webhook_url: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        default=None, description="Called with a JSON body when a run fails."
    )

    delivery_enabled: bool = Field(
        default=False, description="Let audiences be delivered to the webhook of delivery_url."
    )
    delivery_url: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        default=None, description="Webhook that takes the changes of audiences; https."
    )
    delivery_secret: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        default=None, repr=False, description="Signs deliveries; the receiver knows it too."
    )

    @field_validator("data_dir", "project_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().resolve()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("not an IANA time zone such as Europe/London") from error
        return value

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
    def dagster_home(self) -> Path:
        return self.data_dir / "dagster"


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, with ``overrides`` (None: not given) on top.

    Raises UsageError that names each variable that is unknown or does not fit.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields} | INTERNAL_VARIABLES
    unknown = sorted(
        n for n in os.environ if n.upper().startswith(PREFIX) and n.upper() not in known
    )
    if unknown:
        raise UsageError(
            f"Unknown setting {', '.join(unknown)}. Known are {', '.join(sorted(known))}. "
            "Unset it or correct its name."
        )
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        lines = [
            f"{PREFIX}{'.'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise UsageError("A setting does not fit. " + "; ".join(lines)) from None
