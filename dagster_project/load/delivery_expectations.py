"""Delivery expectations: whether each source came when it should have, and about as much as usual.

What a source does not say of itself is learnt from its deliveries, from the eighth on. Assessed
after every load from the ledger alone, so that it does not matter which run saw what. It stops
nothing here: the gate decides, as the source's ``late_or_odd`` says.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

import duckdb
from cronsim import CronSim

from dagster_project.contracts import SourceSettings
from dagster_project.errors import counted
from dagster_project.load.landing.discovery import split_instance
from dagster_project.load.ledger.schema import insert_rows
from dagster_project.load.validation.load_targets import Target, Targets

# The usual volume is the median of the same weekday over these weeks, once there are enough.
TRAILING_WEEKS = 8
FEWEST_WEEKS = 3
# Learnt from so many days of delivery on, of the newest so many.
FEWEST_DELIVERIES = 8
LEARNT_FROM = 60
# The interval that one delivery in ten exceeds; volumes beyond half the least and twice the most
# that came are odd, where so many records are usual.
WAITED_FOR = 0.9
LEARNT_BAND = (0.5, 2.0)
FEWEST_RECORDS = 10
# Files came over time, and not all at once as a history does, when they are of so many days.
LIVING_DAYS = 3


@dataclass(frozen=True)
class DeliveryStatus:
    """One source of which something is expected, and how it stands; times in UTC, volumes in
    records. ``usual_records`` is the median that the newest day is compared with."""

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
    con: duckdb.DuckDBPyConnection, targets: Targets, now: datetime
) -> list[DeliveryStatus]:
    """Assess every source that says what it delivers, or of which it can be learnt.

    ``now`` is naive UTC, the clock of the load: lateness is a matter of operations, not of the
    business date. Rewrites ``ledger.deliveries``; returns its rows.
    """
    delivered = _volumes(con)
    today = _reference_day(con, delivered, now.date())
    newest = _newest_files(con)
    statuses = []
    for target in _expected(targets, delivered):
        volumes = delivered.get(target.name, {})
        status = _assess(target, volumes, newest.get(target.name), now, today)
        if status is not None:
            statuses.append(status)
    con.execute("DELETE FROM ledger.deliveries")
    insert_rows(con, "ledger.deliveries", [tuple(vars(status).values()) for status in statuses])
    return statuses


def _volumes(con: duckdb.DuckDBPyConnection) -> dict[str, dict[date, int]]:
    """Records by source and day; the day of a file without a date in its name is that of its last
    change."""
    found: dict[str, dict[date, int]] = {}
    for target, day, records in con.execute(
        """
        SELECT f.target, coalesce(f.delivered_on,
                CAST(make_timestamp(CAST(max(p.mtime_ns) // 1000 AS BIGINT)) AS DATE),
                CAST(f.loaded_at AS DATE)) AS day,
            CAST(any_value(f.records) AS BIGINT)
        FROM ledger.files f
        LEFT JOIN ledger.paths p ON p.file_hash = f.file_hash AND p.target = f.target
        WHERE f.outcome = 'loaded' GROUP BY f.target, f.file_hash, f.delivered_on, f.loaded_at
        """
    ).fetchall():
        days = found.setdefault(target, {})
        days[day] = days.get(day, 0) + records
    return found


def _newest_files(con: duckdb.DuckDBPyConnection) -> dict[str, datetime]:
    """By source, when its newest file that could be read was last changed."""
    return dict(
        con.execute(
            "SELECT target, make_timestamp(CAST(max(mtime_ns) // 1000 AS BIGINT)) "
            "FROM ledger.paths WHERE state != 'quarantined' GROUP BY target"
        ).fetchall()
    )


def _reference_day(
    con: duckdb.DuckDBPyConnection, delivered: dict[str, dict[date, int]], today: date
) -> date:
    """The day by which a source is late: today, or of a history the newest day of any source."""
    arrived = con.execute(
        "SELECT count(DISTINCT CAST(make_timestamp(CAST(mtime_ns // 1000 AS BIGINT)) AS DATE)) "
        "FROM ledger.paths"
    ).fetchall()[0][0]
    newest = max((max(days) for days in delivered.values()), default=today)
    return today if arrived >= LIVING_DAYS else min(newest, today)


def _expected(targets: Targets, delivered: Iterable[str]) -> Iterator[Target]:
    """The targets that declare an expectation or delivered something, instances on their own."""
    instances = {name for name in delivered if split_instance(name)[0] != name}
    with_instances = {split_instance(name)[0] for name in instances}
    for name, target in list(targets.items()):
        if name in delivered or (name not in with_instances and name not in instances):
            yield target
    for name in sorted(instances - set(targets)):
        if split_instance(name)[0] in targets:
            yield targets[name]


def learnt_due(days: Sequence[date]) -> date | None:
    """The day by which the next delivery comes, from days of delivery in order; None of too few.

    An interval that begins on the weekday of the last delivery says more than the others: who
    rests at weekends delivers three days after a Friday.
    """
    if len(days) < FEWEST_DELIVERIES:
        return None
    gaps = [(later - earlier, earlier) for earlier, later in pairwise(days[-LEARNT_FROM:])]
    same = [gap for gap, begun in gaps if begun.weekday() == days[-1].weekday()]
    usual = sorted(same if len(same) >= FEWEST_WEEKS else [gap for gap, _ in gaps])
    return days[-1] + usual[math.ceil(WAITED_FOR * len(usual)) - 1]


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


def _assess(
    target: Target,
    volumes: dict[date, int],
    last_file_at: datetime | None,
    now: datetime,
    today: date,
) -> DeliveryStatus | None:
    settings = target.settings
    said: list[str] = []
    days = sorted(volumes)
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
    elif settings.late_or_odd != "off" and (day := learnt_due(days)):
        due_at = datetime(day.year, day.month, day.day)
        is_late = day < today
        if is_late:
            said.append(
                f"is late: after {len(days):,} deliveries the next was due by {day}, the newest is "
                f"of {days[-1]}"
            )
    usual, low, high = _usual_volume(settings, volumes)
    newest_day = days[-1] if days else None
    records = volumes[newest_day] if newest_day else None
    is_odd = usual is not None and records is not None and not low <= records <= high
    if is_odd:
        said.append(
            f"delivered {counted(records, 'record')} for {newest_day}, outside {low:,.0f} to "
            f"{high:,.0f} (the usual {usual:,.0f} of this weekday)"
        )
    if not settings.expected_delivery and not settings.volume_band and due_at is None:
        return None
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


def _usual_volume(
    settings: SourceSettings, volumes: dict[date, int]
) -> tuple[float | None, float, float]:
    """(usual records of the newest day's weekday, least, most that are not odd); usual None where
    nothing can be said."""
    nothing = (None, 0.0, math.inf)
    newest = max(volumes, default=None)
    if newest is None:
        return nothing
    weeks = (newest - timedelta(weeks=week) for week in range(1, TRAILING_WEEKS + 1))
    earlier = [volumes[day] for day in weeks if day in volumes]
    if settings.volume_band:
        if len(earlier) < FEWEST_WEEKS:
            return nothing
        usual = float(median(earlier))
        low, high = (share * usual for share in settings.volume_band)
        return usual, low, high
    if settings.late_or_odd == "off" or len(volumes) <= FEWEST_DELIVERIES:
        return nothing
    if len(earlier) < FEWEST_WEEKS:
        # Deliveries that keep to no weekday.
        earlier = [volumes[day] for day in sorted(volumes)[-FEWEST_DELIVERIES - 1 : -1]]
    usual = float(median(earlier))
    if usual < FEWEST_RECORDS:
        return nothing
    return usual, LEARNT_BAND[0] * min(earlier), LEARNT_BAND[1] * max(earlier)
