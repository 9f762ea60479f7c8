"""What a build is of: its id, its only "now", and whether there is anything to build.

``control.parameters`` is a one-row table and not a set of dbt variables, because a changed
variable makes dbt parse the whole project again.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

from dagster_project.contracts import load_contract
from dagster_project.errors import UsageError
from dagster_project.publish import (
    changed_parts,
    current_manifest,
    input_parts,
    inputs_fingerprint,
)
from dagster_project.settings import Settings, deciding_settings, mart_parameters
from dagster_project.warehouse import identifier, quoted

# What a company does every day; the newest of these says how far the data reach.
ACTIVITY = (
    ("shop", "orders", "ordered_at"),
    ("shop", "web_events", "occurred_at"),
    ("call_center", "calls", "started_at"),
)

# Columns of control.parameters beside those of the settings.
_OF_A_BUILD = {
    "build_id": "VARCHAR",
    "as_of": "DATE",
    "started_at": "TIMESTAMP",
    "inputs": "VARCHAR",
    "input_parts": "VARCHAR",
    "make_current": "BOOLEAN",
}


@dataclass(frozen=True)
class BuildPlan:
    """One build: ``reason`` says in a sentence why it is needed, or why not."""

    build_id: str
    as_of: date
    inputs: str
    is_needed: bool
    reason: str


def create_control_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create ``control.parameters``, empty, when it is missing."""
    con.execute("CREATE TABLE IF NOT EXISTS control.parameters (build_id VARCHAR)")
    # One by one: a warehouse of an earlier version has the table with fewer.
    for name, kind in (_OF_A_BUILD | mart_parameters()).items():
        con.execute(f"ALTER TABLE control.parameters ADD COLUMN IF NOT EXISTS {name} {kind}")


def plan_build(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    as_of: date | None = None,
    force: bool = False,
    make_current: bool = False,
) -> BuildPlan:
    """Decide on the build of what is loaded now, and write it down when it is needed.

    ``as_of`` None: that of the settings, else the newest day of the data (see
    :func:`newest_business_date`). ``force`` builds although nothing changed. ``make_current``: a
    version of a past day is to replace the one in force.
    """
    plan, parts = _decide(con, settings, as_of, force)
    if plan.is_needed:
        _write_down(con, settings, plan, parts, make_current)
    return plan


def asked_day(settings: Settings, as_of: date | None) -> date | None:
    """The day that a run or the settings ask for; None where it is left to the data.

    Raises UsageError for a day to come: its version would stay in force before those of the days
    that follow today, each of which would count as restated.
    """
    day = as_of or settings.as_of
    if day is not None and day > settings.today:
        raise UsageError(
            f"as_of is {day}, a day to come: today is {settings.today} in {settings.time_zone}. "
            "Correct --as-of or HOURGLASS_AS_OF, or leave it out for the newest day of the data."
        )
    return day


def decide_build(
    con: duckdb.DuckDBPyConnection, settings: Settings, *, as_of: date | None = None
) -> BuildPlan:
    """What :func:`plan_build` would decide; nothing is written."""
    return _decide(con, settings, as_of, force=False)[0]


def _decide(
    con: duckdb.DuckDBPyConnection, settings: Settings, as_of: date | None, force: bool
) -> tuple[BuildPlan, dict[str, Any]]:
    now = datetime.now(UTC).replace(tzinfo=None)
    asked = asked_day(settings, as_of)
    day = asked or newest_business_date(con, settings, today=settings.today)
    parts = input_parts(settings, con, as_of=day)
    inputs = inputs_fingerprint(parts)
    manifest = current_manifest(settings)
    build_id = f"{now:%Y%m%dT%H%M%S}Z-{secrets.token_hex(3)}"
    reason = "The first version is to be built."
    if manifest is not None:
        version = manifest["version"]
        if manifest.get("inputs") != inputs:
            changed = changed_parts(manifest.get("input_parts") or {}, parts)
            reason = f"Changed since version {version}: {', '.join(changed)}."
        elif force:
            reason = "A rebuild was asked for."
        else:
            reason = (
                f"Nothing changed since version {version}: the same files, overrides, settings, "
                f"as_of {day} and code. Nothing was rebuilt."
            )
            return BuildPlan(manifest["build_id"], day, inputs, False, reason), parts
    return BuildPlan(build_id, day, inputs, True, reason), parts


def _write_down(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    plan: BuildPlan,
    parts: dict[str, Any],
    make_current: bool,
) -> None:
    row = {
        "build_id": plan.build_id,
        "as_of": plan.as_of,
        **deciding_settings(settings),
        "started_at": datetime.now(UTC).replace(tzinfo=None),
        "inputs": plan.inputs,
        "input_parts": json.dumps(parts),
        "make_current": make_current,
    }
    con.begin()
    con.execute("DELETE FROM control.parameters")
    # By name: in a warehouse of an earlier version the columns stand in another order.
    con.execute(
        f"INSERT INTO control.parameters ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
        list(row.values()),
    )
    con.commit()


def newest_business_date(
    con: duckdb.DuckDBPyConnection, settings: Settings, *, today: date
) -> date:
    """The date of the newest order, web event or call that is not later than ``today``.

    Of whatever is present when there are none of these, so that a historical data set is not all
    churned; yesterday when there is nothing at all. Dates are in the business time zone.
    """
    newest = _newest(con, settings, ACTIVITY, today)
    if newest is None:
        rest = [
            (system.system, table.name, column.name)
            for system in load_contract().values()
            for table in system.tables.values()
            for column in table.columns
            if column.type == "timestamp"
        ]
        newest = _newest(con, settings, rest, today)
    return newest or today - timedelta(days=1)


def _newest(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    columns: "tuple[tuple[str, str, str], ...] | list[tuple[str, str, str]]",
    today: date,
) -> date | None:
    def in_zone(moment: str) -> str:
        return (
            f"CAST(({moment} AT TIME ZONE 'UTC') AT TIME ZONE {quoted(settings.time_zone)} AS DATE)"
        )

    # Clocks differ by 14 hours at most: what is older than a day is of today or before, and the
    # newest moment has the newest date. Each of millions of moments took 100 ns (2026-12).
    sure = f"TIMESTAMP '{today - timedelta(days=1):%Y-%m-%d}'"
    parts = [
        f"SELECT {in_zone(f'max({identifier(column)})')} AS d "
        f"FROM {identifier(system)}.{identifier(table)} WHERE {identifier(column)} < {sure} "
        f"UNION ALL SELECT {in_zone(identifier(column))} "
        f"FROM {identifier(system)}.{identifier(table)} WHERE {identifier(column)} >= {sure} "
        f"AND {identifier(column)} < {sure} + INTERVAL 4 DAY"
        for system, table, column in columns
    ]
    row = con.execute(
        f"SELECT max(d) FROM ({' UNION ALL '.join(parts)}) WHERE d <= DATE '{today:%Y-%m-%d}'"
    ).fetchone()
    return row[0] if row else None
