"""Experiments with a known effect, deals, and requests to be erased."""

import numpy as np
import pyarrow as pa

from dagster_project.sample.columns import NONE, blank, cat, flag, key, money, number, pick, stamp
from dagster_project.sample.draw import DAY, chance, cumulative, generator, weighted
from dagster_project.sample.journeys import Sessions
from dagster_project.sample.layout import Files
from dagster_project.sample.orders import PAID, REFUNDED, Orders
from dagster_project.sample.people import People
from dagster_project.sample.rates import rate
from dagster_project.sample.records import Accounts, Contacts, Keys, account_key, contact_key
from dagster_project.sample.world import World

# experiment_id, subject, outcome, relative effect of B, share of B, is_valid
EXPERIMENTS = (
    ("exp-free-delivery", "account", "a sale within 60 days of assignment", 0.25, 0.5, True),
    ("exp-subject-line", "contact", "a sale within 60 days of assignment", 0.0, 0.5, True),
    ("exp-landing-page", "visitor", "a sale within 60 days of assignment", 0.0, 0.62, False),
)
_WINDOW = 60 * DAY


def write_experiments(
    files: Files,
    world: World,
    seed: int,
    chunk: int,
    people: People,
    accounts: Accounts,
    contacts: Contacts,
    orders: Orders,
    sessions: Sessions,
) -> None:
    """Assignments to A and B; planned half and half, which the last experiment breaks.

    An effect is put in by drawing the variant given the outcome (Bayes): with B raising the rate
    from c to c * (1 + e), P(B | success) = (1 + e) / (2 + e), and P(B | failure) keeps B at half.
    Purchases stay the process they were, and the data are those of a true effect.
    """
    rng = generator(seed, chunk, "experiments")
    calendar = world.calendar
    begin = calendar.start + (calendar.end - calendar.start) // 2
    sale = (orders.status >= PAID) & (orders.status <= REFUNDED) & (orders.person >= 0)
    # One sorted axis for all people: a person's times lie between two multiples of the width.
    width = calendar.end * 2
    sales = np.sort(orders.person[sale] * width + orders.time[sale])
    visitor, at = np.unique(sessions.visitor[sessions.person >= 0], return_index=True)
    visitor_person = sessions.person[sessions.person >= 0][at]
    seen = sessions.start[sessions.person >= 0][at] < begin
    subjects = {
        "account": (accounts.person, account_key(accounts.number), accounts.registered_at < begin),
        "contact": (contacts.person, contact_key(contacts.number), contacts.created_at < begin),
        "visitor": (visitor_person, key("V", visitor, 7), seen),
    }
    for name, kind, _outcome, effect, share, _valid in EXPERIMENTS:
        person, ids, known = subjects[kind]
        rows = np.flatnonzero(known & chance(rng, len(person), 0.8 if effect else 0.3))
        assigned = begin + rng.integers(0, 30 * DAY, len(rows))
        from_when = person[rows] * width + assigned
        success = np.searchsorted(sales, from_when + _WINDOW) > np.searchsorted(sales, from_when)
        if effect:
            wins, all_rows = int(success.sum()), max(len(rows), 1)
            given_win = (1 + effect) / (2 + effect)
            given_loss = (all_rows / 2 - wins * given_win) / max(all_rows - wins, 1)
            treated = rng.random(len(rows)) < np.where(success, given_win, given_loss)
        else:
            treated = chance(rng, len(rows), share)
        files.write(
            "marketing/experiment_assignments",
            {
                "experiment_id": name,
                "subject_kind": kind,
                "subject_id": ids.take(pa.array(rows)),
                "variant": pick(["A", "B"], treated.astype(np.int64)),
                "assigned_at": stamp(np.minimum(assigned, calendar.end - 1)),
            },
        )


def write_deals(
    files: Files,
    world: World,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    contacts: Contacts,
) -> None:
    """Deals of contacts who work for a company, and of a few others."""
    rng = generator(seed, chunk, "deals")
    end = world.calendar.end
    employed = people.company[contacts.person] >= 0
    rows = np.flatnonzero(chance(rng, len(contacts.number), np.where(employed, 0.6, 0.08)))
    created = contacts.created_at[rows] + rng.integers(0, 60 * DAY, len(rows))
    rows, created = rows[created < end], created[created < end]
    order = np.argsort(created, kind="stable")
    rows, created = rows[order], created[order]
    size = len(rows)
    closed = created + rng.integers(5 * DAY, 120 * DAY, size)
    is_closed = closed < end
    won = is_closed & chance(rng, size, 0.4)
    stage = np.where(won, 3, np.where(is_closed, 4, rng.integers(0, 3, size)))
    amount = (500 + np.floor(rng.random(size) * rng.random(size) * 40_000)).astype(np.int64) * 100
    campaign = np.where(chance(rng, size, 0.3), rng.integers(0, len(world.campaigns.ids), size), -1)
    numbers = keys.deal + 1 + np.arange(size)
    keys.deal += size
    contact = contacts.number[rows]
    contact = np.where(chance(rng, size, 0.005), 0, contact)
    files.write(
        "crm/deals",
        {
            "deal_id": key("D-", numbers),
            "contact_id": contact_key(contact),
            "pipeline": pick(["business", "retail"], (~employed[rows]).astype(np.int64)),
            "stage": pick(["qualified", "offer", "negotiation", "won", "lost"], stage),
            "amount": money(amount),
            "currency": "GBP",
            "owner_id": cat("U-", number(1 + rng.integers(0, 8, size), 2)),
            "created_at": stamp(created),
            "closed_at": stamp(np.where(is_closed, closed, NONE)),
            "is_won": blank(flag(won), ~is_closed),
            "campaign_id": pick(world.campaigns.ids, campaign),
            "updated_at": stamp(np.where(is_closed, closed, created)),
        },
    )


def write_erasures(
    files: Files,
    world: World,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    accounts: Accounts,
    contacts: Contacts,
) -> None:
    """Requests to be erased, in the last two months, by whatever names the person."""
    rng = generator(seed, chunk, "erasures")
    who = np.flatnonzero(chance(rng, people.size, rate("erasure")))
    size = len(who)
    span = min(60 * DAY, world.calendar.end - world.calendar.start)
    time = np.sort(world.calendar.end - 1 - rng.integers(0, span, size))
    way = weighted(rng, cumulative([3, 3, 3, 1]), size)
    contact, account = contacts.of_person[who], accounts.of_person[who]
    by_contact, by_account = (way == 0) & (contact >= 0), (way == 1) & (account >= 0)
    by_phone = way == 3
    contact_number = np.full(size, NONE)
    contact_number[by_contact] = contacts.number[contact[by_contact]]
    account_number = np.full(size, NONE)
    account_number[by_account] = accounts.number[account[by_account]]
    numbers = keys.erasure + 1 + np.arange(size)
    keys.erasure += size
    files.write(
        "crm/erasure_requests",
        {
            "request_id": key("X-", numbers),
            "contact_id": contact_key(contact_number),
            "account_id": account_key(account_number),
            "email": blank(people.email.take(pa.array(who)), by_contact | by_account | by_phone),
            "phone": blank(cat("+", number(people.phone[who])), ~by_phone),
            "requested_at": stamp(time),
        },
    )
