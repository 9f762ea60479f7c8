"""When people buy (BG/NBD on the seasonal clock) and which touch made them buy.

Causes are a marking of the purchase process. If touches of channel c reach a living customer at
rate m_c and each makes, on its own, a purchase with probability b_c, then purchases caused by c
come at rate m_c * b_c, touches that fail at rate m_c * (1 - b_c), and both are independent of the
other channels and of the purchases made anyway. Read backwards: each purchase bears cause c with
the share s_c, and failed touches come at rate s_c * (1 - b_c) / b_c per purchase that is due.
So purchases stay exactly BG/NBD, and b_c is exactly the incremental probability of a touch.
"""

from dataclasses import dataclass

import numpy as np

from dagster_project.sample.columns import expand, occurrence
from dagster_project.sample.draw import (
    DAY,
    chance,
    cumulative,
    exponential,
    generator,
    time_of_day,
    weighted,
)
from dagster_project.sample.people import People
from dagster_project.sample.rates import CHANNEL_EFFECTS
from dagster_project.sample.world import Calendar

CHANNELS = ("direct", *CHANNEL_EFFECTS)
DIRECT, ORGANIC, PAID = (CHANNELS.index(c) for c in ("direct", "organic_search", "paid_search"))
EMAIL, SMS, CALLS = (CHANNELS.index(c) for c in ("email", "sms", "call_center"))
BASELINE = -1

# Weights of the channels that reach people who are not (or no longer) customers.
_PROSPECT = {"organic_search": 26, "paid_search": 18, "paid_social": 22, "organic_social": 10}
_PROSPECT |= {"display": 12, "referral": 6, "affiliates": 4, "direct": 10}


@dataclass
class Purchases:
    """One element per true purchase, sorted by person and time.

    ``cause`` is an index into CHANNELS or BASELINE. Per person: ``alive`` at the end and the
    ``last_alive`` second (that of the purchase after which the person dropped out).
    """

    person: np.ndarray
    time: np.ndarray
    rank: np.ndarray
    cause: np.ndarray
    alive: np.ndarray
    last_alive: np.ndarray
    first_time: np.ndarray

    @property
    def size(self) -> int:
        return len(self.person)


@dataclass
class Touches:
    """Touches that led to nothing, one element each; channel is an index into CHANNELS.

    ``is_effective`` tells those that reached a living customer from those that could not work.
    """

    person: np.ndarray
    time: np.ndarray
    channel: np.ndarray
    is_effective: np.ndarray


def simulate_purchases(calendar: Calendar, seed: int, chunk: int, people: People) -> Purchases:
    """Every purchase of every person inside the calendar."""
    rng = generator(seed, chunk, "purchases")
    buyers = np.flatnonzero(people.is_buyer)
    clock = rng.random(len(buyers)) * (calendar.length - 1)
    who, when, rank = [buyers], [clock], [np.zeros(len(buyers), dtype=np.int64)]
    alive = np.ones(people.size, dtype=bool)
    active, now, turn = buyers, clock, 0
    while len(active):
        turn += 1
        wait = exponential(rng, len(active)) / people.purchase_rate[active] * Calendar.WEEK
        now = now + wait
        inside = now < calendar.length
        active, now = active[inside], now[inside]
        who.append(active)
        when.append(now)
        rank.append(np.full(len(active), turn))
        gone = chance(rng, len(active), people.dropout[active])
        alive[active[gone]] = False
        active, now = active[~gone], now[~gone]
    person, units, turns = np.concatenate(who), np.concatenate(when), np.concatenate(rank)
    order = np.lexsort((turns, person))
    person, turns = person[order], turns[order]
    exact = calendar.from_clock(units[order])
    time = _distinct_days(calendar, person, exact) * DAY + time_of_day(rng, len(exact))
    first_time = np.full(people.size, calendar.end)
    first_time[person[turns == 0]] = time[turns == 0]
    last_alive = np.where(alive, calendar.end - 1, 0)
    np.maximum.at(last_alive, person, np.where(alive[person], 0, time))
    return Purchases(
        person=person,
        time=time,
        rank=turns,
        cause=_causes(rng, len(person)),
        alive=alive & people.is_buyer,
        last_alive=last_alive,
        first_time=first_time,
    )


def _distinct_days(calendar: Calendar, person: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """The days of purchase, moved on to the next free day where a person has two on one day.

    So that counting purchases and counting days of purchase give the same: some authors of
    BG/NBD do one, some the other. On the last day several may still meet.
    """
    turn = occurrence(person)
    # k-th day = k + max over j <= k of (day j - j), with the people kept apart by a wide offset.
    apart = person * 10**6
    days = np.maximum.accumulate(apart + exact // DAY - turn) + turn - apart
    return np.minimum(days, calendar.end_day)


def _causes(rng: np.random.Generator, size: int) -> np.ndarray:
    shares = [round(effect.share * 1000) for effect in CHANNEL_EFFECTS.values()]
    totals = cumulative([*shares, 1000 - sum(shares)])
    drawn = weighted(rng, totals, size)
    return np.where(drawn == len(shares), BASELINE, drawn + 1)


def failed_touches(
    calendar: Calendar, seed: int, chunk: int, people: People, purchases: Purchases
) -> Touches:
    """Touches that made nobody buy: of living customers, of prospects, of lost customers."""
    rng = generator(seed, chunk, "touches")
    parts = [
        _of_customers(calendar, rng, people, purchases),
        _of_prospects(calendar, rng, people, purchases),
        _of_lost(calendar, rng, people, purchases),
    ]
    person, time, channel, effective = (np.concatenate(p) for p in zip(*parts, strict=True))
    return Touches(person, time, channel, effective)


_Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _of_customers(
    calendar: Calendar, rng: np.random.Generator, people: People, purchases: Purchases
) -> _Part:
    start = calendar.to_clock(np.minimum(purchases.first_time, calendar.end - 1))
    stop = calendar.to_clock(np.minimum(purchases.last_alive, calendar.end - 1))
    live = np.maximum(stop - start, 0) * people.is_buyer
    due = live / Calendar.WEEK * people.purchase_rate
    people_of, times, channels = [], [], []
    for at, effect in enumerate(CHANNEL_EFFECTS.values(), start=1):
        per_purchase = effect.share * (1 - effect.incremental) / effect.incremental
        person, _ = expand(rng.poisson(due * per_purchase))
        units = start[person] + rng.random(len(person)) * live[person]
        people_of.append(person)
        times.append(calendar.from_clock(units))
        channels.append(np.full(len(person), at))
    person, _ = expand(rng.poisson(due * 0.5))
    people_of.append(person)
    times.append(calendar.from_clock(start[person] + rng.random(len(person)) * live[person]))
    channels.append(np.full(len(person), DIRECT))
    person, time = np.concatenate(people_of), np.concatenate(times)
    return (
        person,
        time // DAY * DAY + time_of_day(rng, len(time)),
        np.concatenate(channels),
        np.ones(len(person), dtype=bool),
    )


def _of_prospects(
    calendar: Calendar, rng: np.random.Generator, people: People, purchases: Purchases
) -> _Part:
    """Browsing in the weeks before a first purchase, and of those who never buy."""
    mean = np.where(people.is_buyer, 1.1, 2.2)
    person, _ = expand(rng.poisson(mean))
    anchor = np.where(
        people.is_buyer,
        purchases.first_time,
        calendar.start + rng.integers(0, calendar.end - calendar.start, people.size),
    )[person]
    back = np.floor(exponential(rng, len(person)) * 12 * DAY).astype(np.int64) + 3 * 3600
    time = anchor - back
    inside = time >= calendar.start
    return _drawn(rng, person[inside], time[inside])


def _of_lost(
    calendar: Calendar, rng: np.random.Generator, people: People, purchases: Purchases
) -> _Part:
    lost = people.is_buyer & ~purchases.alive
    weeks = (calendar.end - purchases.last_alive) / (7 * DAY)
    person, _ = expand(rng.poisson(np.where(lost, weeks * 0.02, 0.0)))
    span = np.maximum(calendar.end - purchases.last_alive[person] - DAY, 1)
    time = purchases.last_alive[person] + DAY + np.floor(rng.random(len(person)) * span).astype(int)
    inside = time < calendar.end
    return _drawn(rng, person[inside], time[inside])


def _drawn(rng: np.random.Generator, person: np.ndarray, time: np.ndarray) -> _Part:
    index = np.array([CHANNELS.index(c) for c in _PROSPECT])
    channel = index[weighted(rng, cumulative(list(_PROSPECT.values())), len(person))]
    return person, time, channel, np.zeros(len(person), dtype=bool)
