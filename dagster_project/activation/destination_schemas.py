"""Destination schemas: how a tool wants its import file, as data in ``destinations/``.

A column is named and filled from a field of the export (:data:`FIELDS`), or from what the
audience's message may use: ``message.<name>``, and ``message.*`` for all of it, one column each,
with ``{field}`` or ``{FIELD}`` in the name.
"""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dagster_project.contracts import read_yaml, validated
from dagster_project.errors import UsageError, no_such

DESTINATIONS_DIR = Path(__file__).resolve().parent / "destinations"
# What an export knows of each member, besides the message's fields.
FIELDS = (
    *("customer_id", "audience", "reason", "event_key", "entered_on", "leaves_on", "medium"),
    *("email", "phone", "first_name", "middle_name", "last_name", "full_name", "city", "country"),
    "crm_contact_id",
)
MESSAGE = "message."


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ExportColumn(_Strict):
    """``required``: a member without a value is left out, because the tool would refuse the row."""

    to: str
    source: str = Field(alias="from")
    required: bool = False

    @model_validator(mode="after")
    def _known(self) -> "ExportColumn":
        if self.source not in FIELDS and not self.source.startswith(MESSAGE):
            raise ValueError(f"from: one of {', '.join(FIELDS)}, message.<name> or message.*")
        return self


class Destination(_Strict):
    """One tool's import file. ``media``: the media it serves; none named: any."""

    destination: str
    description: str
    reference: str
    delimiter: Literal[",", ";", "\t"] = ","
    media: tuple[str, ...] = ()
    columns: tuple[ExportColumn, ...]

    def columns_for(self, fields: list[str]) -> list[tuple[str, str, bool]]:
        """(name, field, required) of each column, for an audience whose message has ``fields``."""
        found = []
        for column in self.columns:
            if column.source == f"{MESSAGE}*":
                for name in fields:
                    title = column.to.replace("{field}", name).replace("{FIELD}", name.upper())
                    found.append((title, f"{MESSAGE}{name}", False))
            else:
                found.append((column.to, column.source, column.required))
        return found


@cache
def load_destinations() -> dict[str, Destination]:
    """Every destination by name; UsageError names a file that is wrong."""
    return {
        path.stem: validated(Destination, read_yaml(path), path)
        for path in sorted(DESTINATIONS_DIR.glob("*.yml"))
    }


def get_destination(name: str) -> Destination:
    """One destination; UsageError lists the known ones."""
    known = load_destinations()
    if name not in known:
        raise UsageError(no_such("destination", name, known))
    return known[name]
