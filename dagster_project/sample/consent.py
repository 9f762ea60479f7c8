"""Who agreed to what, and when they withdrew it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dagster_project.sample.columns import NONE, at_rows, blank, pick, stamp
from dagster_project.sample.draw import DAY, chance, generator
from dagster_project.sample.layout import Files
from dagster_project.sample.people import People
from dagster_project.sample.purchases import CALLS, EMAIL, SMS, Purchases, Touches
from dagster_project.sample.records import Accounts, Contacts, contact_key
from dagster_project.sample.world import World
from dagster_project.sample.writing import write_phones

PURPOSES = ("email", "sms", "call", "profiling")
_GRANTED = (0.58, 0.30, 0.30, 0.50)


@dataclass
class Consents:
    """Arrays of shape (purposes, people): seconds of grant and withdrawal, NONE for never.

    ``unsubscribed_month``: the month whose newsletter made a person withdraw (-1 none).
    """

    granted_at: np.ndarray
    withdrawn_at: np.ndarray
    unsubscribed_month: np.ndarray


def make_consents(
    world: World,
    seed: int,
    chunk: int,
    people: People,
    purchases: Purchases,
    touches: Touches,
    marketing: tuple[np.ndarray, np.ndarray, np.ndarray],
    contacts: Contacts,
    accounts: Accounts,
) -> Consents:
    """Grants that precede every touch by message or call of ``marketing`` (person, time, channel).

    A message reaches only those who agreed: so whoever was touched had agreed before.
    """
    rng = generator(seed, chunk, "consents")
    calendar, n = world.calendar, people.size
    person, time, channel = marketing
    known = np.full(n, calendar.end)
    known[purchases.person] = np.minimum(known[purchases.person], calendar.end)
    np.minimum.at(known, contacts.person, contacts.created_at)
    np.minimum.at(known, accounts.person, accounts.registered_at)
    np.minimum.at(known, np.arange(n), purchases.first_time)
    granted = np.full((len(PURPOSES), n), NONE)
    withdrawn = np.full((len(PURPOSES), n), NONE)
    month_of_leaving = np.full(n, -1)
    for at, purpose in enumerate(PURPOSES):
        mine = channel == {"email": EMAIL, "sms": SMS, "call": CALLS}.get(purpose, -1)
        first, last = np.full(n, calendar.end), np.full(n, 0)
        np.minimum.at(first, person[mine], time[mine])
        np.maximum.at(last, person[mine], time[mine])
        touched = last > 0
        agrees = touched | (chance(rng, n, _GRANTED[at]) & (known < calendar.end))
        # A newsletter is clicked up to 12 days after it was sent.
        when = np.minimum(known + rng.integers(0, 3600, n), first - 13 * DAY)
        granted[at] = np.where(agrees, np.maximum(when, calendar.start - 30 * DAY), NONE)
        leaves = agrees & chance(rng, n, 0.07)
        if purpose == "email":
            months = len(world.newsletter)
            month = rng.integers(0, months, n)
            when = world.newsletter_sent[month] + 5 * 3600 + rng.integers(0, 3600, n)
            leaves &= (when > last + 2 * DAY) & (when < calendar.end)
            leaves &= granted[at] < world.newsletter_sent[month]
            month_of_leaving = np.where(leaves, month, -1)
        else:
            room = np.maximum(calendar.end - np.maximum(granted[at], last) - 3 * DAY, 0)
            when = np.maximum(granted[at], last) + 2 * DAY
            when = when + np.floor(rng.random(n) * room).astype(np.int64)
            leaves &= room > 0
        withdrawn[at] = np.where(leaves, when, NONE)
    return Consents(granted, withdrawn, month_of_leaving)


def write_consents(
    files: Files, seed: int, chunk: int, people: People, contacts: Contacts, consents: Consents
) -> None:
    """Consent rows under the contact, else under the e-mail or phone of the person."""
    rng = generator(seed, chunk, "consent rows")
    events = [(at, 0) for at in range(len(PURPOSES))] + [(at, 1) for at in range(len(PURPOSES))]
    person, purpose, status, when = [], [], [], []
    for at, withdrawal in events:
        times = (consents.withdrawn_at if withdrawal else consents.granted_at)[at]
        rows = np.flatnonzero(times != NONE)
        person.append(rows)
        purpose.append(np.full(len(rows), at))
        status.append(np.full(len(rows), withdrawal))
        when.append(times[rows])
    who, what, gone, time = (np.concatenate(x) for x in (person, purpose, status, when))
    order = np.lexsort((gone, what, time))
    who, what, gone, time = who[order], what[order], gone[order], time[order]
    contact = contacts.of_person[who]
    # A guest who never became a contact is known by what he agreed to be reached at.
    by_phone = (contact < 0) & ((what == 1) | (what == 2))
    by_mail = (contact < 0) & ~by_phone
    email = people.email.take(pa.array(who))
    sources = ["web_form", "store", "call_center", "unsubscribe_link", "account_page"]
    source = np.where(gone == 0, rng.integers(0, 3, len(who)), 3 + rng.integers(0, 2, len(who)))
    files.write(
        "crm/consents",
        {
            "contact_id": contact_key(at_rows(contacts.number, contact)),
            "email": blank(email, ~by_mail),
            "phone": blank(write_phones(rng, people.phone[who]), ~by_phone),
            "purpose": pick(PURPOSES, what),
            "status": pick(["granted", "withdrawn"], gone),
            "effective_at": stamp(time),
            "source": pick(sources, source),
        },
    )
