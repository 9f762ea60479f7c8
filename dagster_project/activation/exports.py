"""Export files of an audience: with addresses, for the owner only, safe to open in a spreadsheet.

Members and addresses are of one version, the one in force. Only who hears something is in a file;
who was left out is counted, by why.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.activation.definitions import Audience, message_fields
from dagster_project.activation.destination_schemas import MESSAGE, Destination
from dagster_project.errors import HourglassError, UsageError
from dagster_project.private_files import private_file
from dagster_project.publish.reading import marts_in, opened_marts
from dagster_project.publish.versions import (
    RESTRICTED_DATABASE,
    PublishedVersion,
    find_version,
)
from dagster_project.settings import Settings
from dagster_project.spreadsheets import safe_cell
from dagster_project.warehouse import quoted


@dataclass(frozen=True)
class Member:
    """One person of an audience. ``because``: why they hear nothing; None: they do."""

    customer_id: str
    because: str | None
    fields: dict[str, Any]

    def value(self, name: str) -> Any:
        """A field of the export, or of the message as ``message.<name>``."""
        return self.fields.get(name)


@dataclass
class ExportSummary:
    """``written`` members; ``left_out`` counts the others by why."""

    audience: str
    destination: str
    written: int = 0
    left_out: Counter = field(default_factory=Counter)
    paths: list[Path] = field(default_factory=list)

    def sentence(self) -> str:
        others = ", ".join(f"{count:,} {why}" for why, count in sorted(self.left_out.items()))
        where = f" to {self.paths[0]}" if self.paths else ""
        return f"{self.audience}: {self.written:,} written{where}; left out: {others or 'nobody'}."


@contextmanager
def opened_version(settings: Settings) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """The version in force, marts in ``main`` and direct identifiers in ``restricted``; its as_of.

    Raises UsageError when nothing was published yet, or before audiences were.
    """
    version = find_version(settings, None)
    with _attached(version) as con:
        if "audiences" not in marts_in(con):
            raise UsageError(
                f"Version {version.name} has no audiences yet: hourglass run builds them."
            )
        row = con.execute("SELECT as_of FROM build").fetchone()
        yield con, str(row[0]) if row else ""


@contextmanager
def _attached(version: PublishedVersion) -> Iterator[duckdb.DuckDBPyConnection]:
    restricted = version.restricted / RESTRICTED_DATABASE
    with opened_marts(version.published, allowed_dirs=(restricted.parent,)) as con:
        try:
            con.execute(f"ATTACH {quoted(str(restricted))} AS people (READ_ONLY)")
            yield con
        except duckdb.IOException:
            raise HourglassError(
                f"The direct identifiers of version {version.name} cannot be read: {restricted}. "
                "Only the owner of the data directory may export audiences."
            ) from None


def members_of(con: duckdb.DuckDBPyConnection, audience: Audience) -> list[Member]:
    """Every member of an audience in a version, in the order of their ids.

    An address is there only for its medium and only when the person hears something: a file for
    calls holds no e-mail.
    """
    rows = con.execute(
        """
        SELECT a.customer_id, a.left_out_because, a.reason, a.event_key,
            CAST(a.entered_on AS VARCHAR), CAST(a.leaves_on AS VARCHAR), a.message,
            k.email, k.phone, k.first_name, k.middle_name, k.last_name, k.city, k.country,
            (SELECT min(i.source_id) FROM people.identity.registry AS i
             WHERE i.customer_id = a.customer_id AND i.source_system = 'crm'
                AND i.source_table = 'contacts') AS crm_contact_id
        FROM audiences AS a
        LEFT JOIN people.main.customer_contacts AS k ON a.customer_id = k.customer_id
        WHERE a.audience = ?
        ORDER BY a.customer_id
        """,
        [audience.audience],
    ).fetchall()
    names = message_fields(audience)
    members = []
    for row in rows:
        customer, because, reason, event, entered, leaves, message, *person = row
        email, phone, first, middle, last, city, country, contact = person
        content: Mapping[str, Any] = json.loads(message) if message else {}
        fields = {
            "customer_id": customer,
            "audience": audience.audience,
            "reason": reason,
            "event_key": event,
            "entered_on": entered,
            "leaves_on": leaves,
            "medium": audience.medium,
            "email": email if audience.medium == "email" else None,
            "phone": phone if audience.medium in ("sms", "call") else None,
            "first_name": first,
            "middle_name": middle,
            "last_name": last,
            "full_name": " ".join(filter(None, (first, middle, last))) or None,
            "city": city,
            "country": country,
            "crm_contact_id": contact,
            **{f"{MESSAGE}{name}": content.get(name) for name in names},
        }
        members.append(Member(customer, because, fields))
    return members


def export_audience(
    settings: Settings, audience: Audience, destination: Destination
) -> ExportSummary:
    """Write ``exports/<audience>/<date>.<destination>.csv`` and the same as Parquet.

    0600 in folders of 0700. Raises UsageError when the destination does not serve the medium.
    """
    if destination.media and audience.medium not in destination.media:
        raise UsageError(
            f"{destination.destination} takes {', '.join(destination.media)}; the audience "
            f"{audience.audience} is told by {audience.medium}."
        )
    with opened_version(settings) as (con, as_of):
        members = members_of(con, audience)
    columns = destination.columns_for(message_fields(audience))
    summary = ExportSummary(audience.audience, destination.destination)
    rows: list[list[str]] = []
    for member in members:
        if member.because is not None:
            summary.left_out[member.because] += 1
            continue
        cells = [_text(member.value(name)) for _, name, _ in columns]
        lacking = [
            name
            for (_, name, needed), cell in zip(columns, cells, strict=True)
            if needed and not cell
        ]
        if lacking:
            summary.left_out[f"no {lacking[0]}"] += 1
            continue
        rows.append(cells)
    summary.written = len(rows)
    suffix = "" if destination.destination == "generic" else f".{destination.destination}"
    folder = settings.exports_dir / audience.audience
    for private in (settings.exports_dir, folder):
        private.mkdir(parents=True, exist_ok=True, mode=0o700)
        private.chmod(0o700)
    header = [title for title, _, _ in columns]
    path = folder / f"{as_of}{suffix}.csv"
    _write_csv(path, header, rows, destination.delimiter)
    _write_parquet(path.with_suffix(".parquet"), header, rows)
    summary.paths = [path, path.with_suffix(".parquet")]
    return summary


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _write_csv(path: Path, header: list[str], rows: list[list[str]], delimiter: str) -> None:
    temporary = path.with_name(f".{path.name}")
    with private_file(temporary) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    temporary.replace(path)


def _write_parquet(path: Path, header: list[str], rows: list[list[str]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {title: pa.array([row[at] for row in rows], pa.string()) for at, title in enumerate(header)}
    )
    temporary = path.with_name(f".{path.name}")
    with private_file(temporary):
        pass
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)
