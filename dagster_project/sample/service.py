"""The call centre: calls in and out, tickets."""

from dataclasses import dataclass

import numpy as np

from dagster_project.sample import writing
from dagster_project.sample.columns import (
    NONE,
    at_rows,
    blank,
    cat,
    edit,
    flag,
    key,
    number,
    pick,
    stamp,
    where,
)
from dagster_project.sample.draw import (
    DAY,
    chance,
    cumulative,
    exponential,
    generator,
    office_time,
    weighted,
)
from dagster_project.sample.journeys import campaigns_of
from dagster_project.sample.layout import Files
from dagster_project.sample.orders import Orders
from dagster_project.sample.people import FIRST, People
from dagster_project.sample.phrases import CALL_REASONS, SUBJECTS, TRANSCRIPTS
from dagster_project.sample.purchases import CALLS, Touches
from dagster_project.sample.rates import rate
from dagster_project.sample.records import (
    Accounts,
    Contacts,
    Keys,
    account_key,
    contact_key,
    write_truth,
)
from dagster_project.sample.world import World

INBOUND, OUTBOUND = 0, 1
ANSWERED, ABANDONED, MISSED, VOICEMAIL = range(4)
DISPOSITIONS = ("answered", "abandoned", "missed", "voicemail")
QUEUES = ("sales", "service", "complaints", "russian")
COMPLAINT = CALL_REASONS.index("complaint")


@dataclass
class Calls:
    """One element per call, sorted by start; ``causes`` is a row in Orders (-1 none)."""

    number: np.ndarray
    person: np.ndarray
    start: np.ndarray
    direction: np.ndarray
    causes: np.ndarray
    campaign: np.ndarray
    reason: np.ndarray
    disposition: np.ndarray
    wait: np.ndarray
    is_resolved: np.ndarray

    @property
    def size(self) -> int:
        return len(self.number)


def make_calls(
    world: World,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    orders: Orders,
    touches: Touches,
) -> Calls:
    """Service calls after orders, calls of campaigns, and repeated calls about what stayed open."""
    rng = generator(seed, chunk, "calls")
    end = world.calendar.end
    source = np.flatnonzero((orders.purchase >= 0) & chance(rng, orders.size, rate("service_call")))
    after = np.floor(exponential(rng, len(source)) * 4 * DAY).astype(np.int64)
    person, start = orders.person[source], _office(rng, orders.time[source] + after)
    others = np.flatnonzero(chance(rng, people.size, 0.05))
    person = np.r_[person, others]
    start = np.r_[start, _office(rng, rng.integers(world.calendar.start, end, len(others)))]
    reason = weighted(rng, cumulative([34, 16, 20, 10, 8, 12]), len(person))
    resolved = chance(rng, len(person), 0.4 + 0.5 * people.satisfaction[person])
    # What was not resolved brings a third of the callers back within six days.
    again = np.flatnonzero(~resolved & chance(rng, len(person), 0.35))
    person, reason = np.r_[person, person[again]], np.r_[reason, reason[again]]
    start = np.r_[start, _office(rng, start[again] + rng.integers(DAY, 6 * DAY, len(again)))]
    resolved = np.r_[resolved, chance(rng, len(again), 0.7)]
    inbound = len(person)

    failed = np.flatnonzero(touches.channel == CALLS)
    sold = np.flatnonzero((orders.cause == CALLS) & (orders.purchase >= 0))
    tried = np.flatnonzero(chance(rng, len(failed), 0.7))
    person = np.r_[
        person, touches.person[failed], orders.person[sold], touches.person[failed][tried]
    ]
    start = np.r_[
        start,
        _office(rng, touches.time[failed]),
        orders.time[sold] - rng.integers(180, 400, len(sold)),
        _office(rng, touches.time[failed][tried] - rng.integers(0, 3 * DAY, len(tried))),
    ]
    outbound = len(person) - inbound
    causes = np.full(len(person), -1)
    causes[inbound + len(failed) : inbound + len(failed) + len(sold)] = sold
    direction = np.repeat([INBOUND, OUTBOUND], [inbound, outbound])
    reason = np.r_[reason, np.full(outbound, -1)]
    resolved = np.r_[resolved, np.zeros(outbound, bool)]
    # Waits follow the load of the hour; who waits longer than his patience hangs up.
    hour = start // 3600 % 24
    mean_wait = np.where((hour >= 11) & (hour <= 14), 42, np.where(hour >= 18, 30, 14))
    wait = np.floor(exponential(rng, len(person)) * mean_wait).astype(np.int64) + 2
    patience = np.floor(exponential(rng, len(person)) * 150).astype(np.int64) + 3
    odd = rng.random(len(person))
    disposition = np.select(
        [odd < 0.015, odd < 0.025, wait > patience], [MISSED, VOICEMAIL, ABANDONED], ANSWERED
    )
    unanswered = np.where(odd < 0.6, MISSED, VOICEMAIL)
    disposition = np.where(direction == OUTBOUND, ANSWERED, disposition)
    disposition[len(person) - len(tried) :] = unanswered[len(person) - len(tried) :]
    wait = np.where(disposition == ABANDONED, patience, wait)
    wait = np.where(direction == OUTBOUND, rng.integers(4, 25, len(person)), wait)
    keep = (start >= world.calendar.start) & (start < end - 3600) | (causes >= 0)
    keep = np.flatnonzero(keep)
    keep = keep[np.argsort(start[keep], kind="stable")]
    numbers = keys.call + 1 + np.arange(len(keep))
    keys.call += len(keep)
    campaign = campaigns_of(
        world, np.full(len(keep), CALLS), start[keep], np.zeros(len(keep), bool)
    )
    return Calls(
        number=numbers,
        person=person[keep],
        start=start[keep],
        direction=direction[keep],
        causes=causes[keep],
        campaign=np.where(direction[keep] == OUTBOUND, campaign, -1),
        reason=reason[keep],
        disposition=disposition[keep],
        wait=wait[keep],
        is_resolved=resolved[keep],
    )


def _office(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    return time // DAY * DAY + office_time(rng, len(time))


def write_calls(
    files: Files,
    world: World,
    seed: int,
    chunk: int,
    people: People,
    contacts: Contacts,
    calls: Calls,
) -> None:
    rng = generator(seed, chunk, "call rows")
    who, size = calls.person, calls.size
    answered = calls.disposition == ANSWERED
    talk = 40 + np.floor((exponential(rng, size) + exponential(rng, size)) * 95).astype(np.int64)
    talk = np.where(calls.causes >= 0, np.maximum(talk, 420), talk)
    hold = np.floor(exponential(rng, size) * 45).astype(np.int64) * chance(rng, size, 0.2)
    wrap = 15 + np.floor(exponential(rng, size) * 30).astype(np.int64)
    digits, of_family = writing.phone_numbers(rng, people, who, calls.start)
    withheld = (calls.direction == INBOUND) & chance(rng, size, rate("withheld_number"))
    contact = contacts.of_person[who]
    recognised = chance(rng, size, np.where(of_family, 0.85, 0.5))
    recognised &= at_rows(contacts.created_at, contact) <= calls.start
    contact_number = at_rows(contacts.number, np.where(recognised, contact, -1))
    russian = people.is_russian[who]
    sales = (calls.direction == OUTBOUND) | (calls.reason == CALL_REASONS.index("product_question"))
    queue = np.select([russian, sales, calls.reason == COMPLAINT], [3, 0, 2], 1)
    agent = pick([a[0] for a in world.agents], rng.integers(0, 6, size) * 4 + queue)
    ghost = (calls.direction == OUTBOUND) & chance(rng, size, 0.01)
    campaign = where(ghost, "call-2019q4", pick(world.campaigns.ids, calls.campaign))
    spoken = answered & chance(rng, size, 0.03)
    text = pick(TRANSCRIPTS, russian * 2 + np.arange(size) % 2)
    names = people.first[who]
    text = edit(text, spoken, lambda row, value: value.format(FIRST[int(names[row])]))
    ids = key("K-", calls.number)
    phone = where(withheld, "anonymous", cat("+", number(digits)))
    files.write(
        "call_center/calls",
        {
            "call_id": ids,
            "direction": pick(["inbound", "outbound"], calls.direction),
            "customer_phone": phone,
            "contact_id": contact_key(contact_number),
            "started_at": stamp(calls.start),
            "answered_at": stamp(np.where(answered, calls.start + calls.wait, NONE)),
            "ended_at": stamp(calls.start + calls.wait + np.where(answered, talk + hold, 0)),
            "wait_seconds": calls.wait,
            "talk_seconds": np.where(answered, talk, NONE),
            "hold_seconds": np.where(answered, hold, NONE),
            "wrap_up_seconds": np.where(answered, wrap, NONE),
            "queue": pick(QUEUES, queue),
            "agent_id": blank(agent, ~answered),
            "disposition": pick(DISPOSITIONS, calls.disposition),
            "reason": pick(CALL_REASONS, np.where(answered, calls.reason, -1)),
            "is_resolved": blank(
                flag(calls.is_resolved), ~answered | (calls.direction == OUTBOUND)
            ),
            "campaign_id": blank(campaign, calls.campaign < 0),
            "transcript": blank(text, ~spoken),
        },
    )
    write_truth(files, "call_center", "calls", ids, people, np.where(withheld, -1, who))


@dataclass
class Tickets:
    """One element per ticket, sorted by creation."""

    number: np.ndarray
    person: np.ndarray
    created_at: np.ndarray
    resolved_at: np.ndarray


def write_tickets(
    files: Files,
    world: World,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    accounts: Accounts,
    contacts: Contacts,
    orders: Orders,
) -> Tickets:
    """Tickets in writing; each bears at least one of contact, account, e-mail and phone."""
    rng = generator(seed, chunk, "tickets")
    end = world.calendar.end
    source = np.flatnonzero((orders.purchase >= 0) & chance(rng, orders.size, rate("ticket")))
    created = orders.time[source] + np.floor(exponential(rng, len(source)) * 5 * DAY).astype(int)
    created = created + 1800
    source, created = source[created < end - 60], created[created < end - 60]
    order = np.argsort(created, kind="stable")
    who, created = orders.person[source][order], created[order]
    size = len(who)
    numbers = keys.ticket + 1 + np.arange(size)
    keys.ticket += size
    reply = created + np.floor(exponential(rng, size) * 6 * 3600).astype(np.int64) + 300
    solved = reply + np.floor(exponential(rng, size) * 30 * 3600).astype(np.int64) + 600
    is_open = (solved >= end) | chance(rng, size, 0.04)
    replied = reply < end
    contact, account = contacts.of_person[who], accounts.at(who, created)
    use = (at_rows(contacts.created_at, contact) <= created) & chance(rng, size, 0.35)
    contact_number = at_rows(contacts.number, np.where(use, contact, -1))
    use = (contact_number == NONE) & chance(rng, size, 0.6)
    account_number = at_rows(accounts.number, np.where(use, account, -1))
    keyed = (contact_number != NONE) | (account_number != NONE)
    mail, shared = writing.emails(rng, people, who, created)
    digits, of_family = writing.phone_numbers(rng, people, who, created)
    reason = weighted(rng, cumulative([34, 18, 18, 10, 8, 12]), size)
    russian = people.is_russian[who]
    by_phone = chance(rng, size, 0.4) | shared
    score = np.clip(
        np.round(1 + 4 * people.satisfaction[who] + 2.4 * (rng.random(size) - 0.5)), 1, 5
    ).astype(np.int64)
    ids = key("T-", numbers)
    files.write(
        "call_center/tickets",
        {
            "ticket_id": ids,
            "contact_id": contact_key(contact_number),
            "account_id": account_key(account_number),
            "email": blank(mail, keyed & ~chance(rng, size, 0.5)),
            "phone": blank(writing.write_phones(rng, digits), ~by_phone | (keyed & of_family)),
            "channel": pick(["email", "chat", "form", "messenger"], rng.integers(0, 4, size)),
            "subject": pick(SUBJECTS, np.where(russian, 6, 0) + reason),
            "reason": pick(CALL_REASONS, reason),
            "status": pick(["closed", "open"], is_open.astype(np.int64)),
            "created_at": stamp(created),
            "first_replied_at": stamp(np.where(replied, reply, NONE)),
            "resolved_at": stamp(np.where(is_open, NONE, solved)),
            "reopened_count": weighted(rng, cumulative([90, 8, 2]), size),
            "agent_id": blank(
                pick([a[0] for a in world.agents], rng.integers(0, len(world.agents), size)),
                ~replied,
            ),
            "csat_score": np.where(is_open | ~chance(rng, size, 0.45), NONE, score),
        },
    )
    write_truth(files, "call_center", "tickets", ids, people, who)
    return Tickets(numbers, who, created, np.where(is_open, NONE, solved))
