"""Delivery expectations: whether each source came when it should have, and about as much as usual.

Assessed after every load from the ledger alone, so the status does not depend on which run saw
what. A status stops nothing here: the gate decides, as the source's ``late_or_odd`` says.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import duckdb
from cronsim import CronSim

from dagster_project.load.ledger.schema import insert_rows
from dagster_project.load.validation.load_targets import Target

# The usual volume is the median of the same weekday over these weeks, once there are enough.
TRAILING_WEEKS = 8
FEWEST_WEEKS = 3


@dataclass(frozen=True)
class DeliveryStatus:
    """One source that has an expectation, and how it stands; times in UTC, volumes in records."""

    source: str
    late_or_odd: str
    due_at: datetime | None
    last_file_at: datetime | None
    is_late: bool
    newest_day: date | None
    records: int | None
    usual_records: float | None
    is_odd: bool
    message: str


def assess_deliveries(
    con: duckdb.DuckDBPyConnection, targets: Iterable[Target], now: datetime
) -> list[DeliveryStatus]:
    """Assess every source with an ``expected_delivery`` or a ``volume_band``.

    ``now`` is naive UTC, the clock of the load: lateness is a matter of operations, not of the
    business date. Rewrites ``ledger.deliveries``; returns its rows.
    """
    statuses = [
        _assess(con, target, now)
        for target in targets
        if target.settings.expected_delivery or target.settings.volume_band
    ]
    con.execute("DELETE FROM ledger.deliveries")
    insert_rows(con, "ledger.deliveries", [tuple(vars(status).values()) for status in statuses])
    return statuses


def due(cron: str, time_zone: str, now: datetime) -> tuple[datetime, datetime]:
    """(since, due): a delivery after ``since`` answers the newest tick ``due``; naive UTC.

    A file may come a little before its tick, so it answers the tick it is nearest to: from half
    of the time between two ticks before. This is the lower bound of Dagster's cron freshness.
    """
    local = now.replace(tzinfo=UTC).astimezone(ZoneInfo(time_zone))
    # The search backwards starts before the minute that is given.
    ticks = CronSim(cron, local + timedelta(minutes=1), reverse=True)
    newest, before = (next(ticks).astimezone(UTC).replace(tzinfo=None) for _ in range(2))
    return newest - (newest - before) / 2, newest


def _assess(con: duckdb.DuckDBPyConnection, target: Target, now: datetime) -> DeliveryStatus:
    settings = target.settings
    said: list[str] = []
    last_file_at = con.execute(
        "SELECT make_timestamp(CAST(max(mtime_ns) // 1000 AS BIGINT)) FROM ledger.paths "
        "WHERE target = ? AND state != 'quarantined'",
        [target.name],
    ).fetchall()[0][0]
    due_at, is_late = None, False
    if settings.expected_delivery:
        since, due_at = due(settings.expected_delivery, target.time_zone, now)
        is_late = last_file_at is None or last_file_at < since
        if is_late:
            came = (
                f"the newest file is of {last_file_at:%Y-%m-%d %H:%M} UTC"
                if last_file_at
                else "nothing was ever delivered"
            )
            said.append(f"is late: a file was due at {due_at:%Y-%m-%d %H:%M} UTC, {came}")
    volumes: dict[date, int] = dict(
        con.execute(
            "SELECT coalesce(delivered_on, CAST(loaded_at AS DATE)) AS day, "
            "CAST(sum(records) AS BIGINT) FROM ledger.files "
            "WHERE target = ? AND outcome = 'loaded' GROUP BY day",
            [target.name],
        ).fetchall()
    )
    newest_day = max(volumes, default=None)
    records = volumes[newest_day] if newest_day else None
    usual, is_odd = None, False
    if settings.volume_band and newest_day and records is not None:
        weeks = (newest_day - timedelta(weeks=week) for week in range(1, TRAILING_WEEKS + 1))
        earlier = [volumes[day] for day in weeks if day in volumes]
        if len(earlier) >= FEWEST_WEEKS:
            usual = float(median(earlier))
            low, high = (share * usual for share in settings.volume_band)
            is_odd = not low <= records <= high
        if is_odd:
            said.append(
                f"delivered {records:,} records for {newest_day}, outside {low:,.0f} to "
                f"{high:,.0f} (the usual {usual:,.0f} of this weekday)"
            )
    return DeliveryStatus(
        source=target.name,
        late_or_odd=settings.late_or_odd,
        due_at=due_at,
        last_file_at=last_file_at,
        is_late=is_late,
        newest_day=newest_day,
        records=records,
        usual_records=usual,
        is_odd=is_odd,
        message=f"{target.name} {'; it '.join(said)}." if said else "",
    )
