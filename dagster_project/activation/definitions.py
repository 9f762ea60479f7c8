"""Audience definitions: one YAML file each, shipped here or in a folder of the company's own.

An audience is a SELECT over marts that gives ``customer_id``, ``reason`` and whatever a message may
use. It is parsed before it runs: one SELECT, marts only. A misspelt key or table raises.
"""

from functools import cache
from pathlib import Path
from typing import Literal

import sqlglot
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlglot import exp

from dagster_project.contracts import read_yaml
from dagster_project.contracts.folders import AUDIENCES, own_files, shipped_files
from dagster_project.errors import UsageError

# What a definition may read besides marts: the day and month of birth, without the year.
BIRTHDAYS = "birthdays"
# Columns of the SELECT that are no content of a message.
OWN_COLUMNS = ("customer_id", "reason", "event_key", "event_at")
# Consent is asked for a purpose, of the address that the medium uses.
CONSENT_OF = {"email": "can_email", "sms": "can_sms", "call": "can_call"}
ADDRESS_OF = {"email": "email", "sms": "phone", "call": "phone", "none": None}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cap(_Strict):
    """At most ``messages`` in ``days`` days."""

    messages: int = Field(ge=1)
    days: int = Field(ge=1, le=365)


class Audience(_Strict):
    """One audience. ``medium`` none: no message is sent, as when a CRM is told of segments.

    ``trigger``: a person enters once per ``event_key``; otherwise again no sooner than
    ``again_after_days``. A person leaves when the SELECT no longer gives them, at the latest
    ``stays_days`` after entering. Higher ``priority`` goes first where the cap over all audiences
    binds. ``hold_out`` is the share that hears nothing, for comparison.
    """

    audience: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str
    owner: str
    medium: Literal["email", "sms", "call", "none"]
    purpose: Literal["email", "sms", "call"] | None = None
    priority: int = Field(ge=0, le=100)
    hold_out: float = Field(ge=0, lt=1)
    cap: Cap | None = None
    trigger: bool = False
    stays_days: int = Field(ge=1, le=3650)
    again_after_days: int = Field(default=30, ge=1, le=3650)
    select: str

    @model_validator(mode="after")
    def _consistent(self) -> "Audience":
        if (self.medium == "none") != (self.purpose is None):
            raise ValueError("purpose: needed with a medium, and only then")
        if self.medium == "email" and self.purpose != "email":
            raise ValueError("purpose: consent to e-mail is asked for a message by e-mail")
        if self.medium in ("sms", "call") and self.purpose not in ("sms", "call"):
            raise ValueError("purpose: consent to sms or call is asked for a telephone")
        return self


def read_audience(path: Path) -> Audience:
    """One definition; UsageError names the file and what is wrong."""
    raw = read_yaml(path)
    try:
        audience = Audience.model_validate(raw)
    except ValidationError as error:
        problems = "; ".join(
            ": ".join(filter(None, (".".join(map(str, item["loc"])), item["msg"])))
            for item in error.errors(include_input=False, include_url=False)
        )
        raise UsageError(f"{path}: {problems}") from None
    if audience.audience != path.stem:
        raise UsageError(f"{path}: audience is {audience.audience}; call it as the file is called.")
    parse_audience(audience, where=str(path))
    return audience


def load_audiences(project_dir: Path | None = None) -> dict[str, Audience]:
    """Every audience by name: the shipped ones, and ``audiences/`` of ``project_dir`` over them.

    Raises UsageError that names the file which is wrong.
    """
    own = {name: read_audience(path) for name, path in own_files(AUDIENCES, project_dir).items()}
    return dict(sorted({**_shipped(), **own}.items()))


@cache
def _shipped() -> dict[str, Audience]:
    return {name: read_audience(path) for name, path in shipped_files(AUDIENCES).items()}


def parse_audience(audience: Audience, *, where: str = "") -> exp.Query:
    """The SELECT as a tree; UsageError when it is anything but one SELECT over plain tables."""
    where = where or audience.audience
    try:
        statements = sqlglot.parse(audience.select, dialect="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise UsageError(
            f"{where}: select does not parse ({str(error).splitlines()[0]})."
        ) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise UsageError(f"{where}: select must be exactly one SELECT.")
    tree = statements[0]
    for node in tree.walk():
        if isinstance(node, exp.DML | exp.DDL | exp.Command | exp.Into) and not isinstance(
            node, exp.Query
        ):
            raise UsageError(f"{where}: select may only read; it may not {node.key}.")
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.db or table.catalog:
            raise UsageError(
                f"{where}: {table.sql(dialect='duckdb')} cannot be read. Name marts alone, without "
                "a schema; table functions and files are not allowed."
            )
    columns = tree.named_selects
    missing = [name for name in ("customer_id", "reason") if name not in columns]
    if missing or "*" in columns:
        raise UsageError(
            f"{where}: select must name its columns, {' and '.join(missing) or 'not *'} among them."
        )
    if audience.trigger and "event_key" not in columns:
        raise UsageError(f"{where}: a trigger's select must give event_key, the event's id.")
    return tree


def tables_of(audience: Audience) -> frozenset[str]:
    """The marts (and ``birthdays``) that the SELECT reads."""
    tree = parse_audience(audience)
    named = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    return frozenset(
        table.name.lower() for table in tree.find_all(exp.Table) if table.name.lower() not in named
    )


def message_fields(audience: Audience) -> list[str]:
    """What a message may use, by the SELECT's own names."""
    return [name for name in parse_audience(audience).named_selects if name not in OWN_COLUMNS]


def qualified_sql(audience: Audience, schema_of: dict[str, str]) -> str:
    """The SELECT with each table in its schema; UsageError that names one that does not exist."""
    tree = parse_audience(audience).copy()
    named = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        name = table.name.lower()
        if name in named:
            continue
        if name not in schema_of:
            raise UsageError(
                f"Audience {audience.audience} reads {name}, which is no mart. Marts are "
                f"{', '.join(sorted(schema_of))}."
            )
        table.set("db", exp.to_identifier(schema_of[name]))
    return tree.sql(dialect="duckdb")
