"""Messages of campaigns and what became of them: delivered, opened, clicked, bounced."""

import numpy as np
import pyarrow as pa

from dagster_project.sample.columns import NONE, at_rows, blank, key, pick, stamp
from dagster_project.sample.consent import Consents
from dagster_project.sample.draw import DAY, chance, exponential, generator
from dagster_project.sample.journeys import Sessions
from dagster_project.sample.layout import Files
from dagster_project.sample.people import People
from dagster_project.sample.purchases import EMAIL, SMS
from dagster_project.sample.records import Accounts, Contacts, Keys, account_key, contact_key
from dagster_project.sample.world import World
from dagster_project.sample.writing import write_phones

MEDIUMS = ("email", "sms", "push", "messenger")
EVENTS = ("sent", "delivered", "opened", "clicked", "bounced", "unsubscribed")
_EMAIL, _SMS, _PUSH, _MESSENGER = range(4)
# Automatic e-mails that are tried on somebody per one that is clicked; those who allowed e-mail
# then get theirs.
AUTOMATIC_TRIED = 9


def write_messages(
    files: Files,
    world: World,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    accounts: Accounts,
    contacts: Contacts,
    consents: Consents,
    sessions: Sessions,
) -> None:
    """Every message to every person; the clicks are the sessions that came by e-mail or SMS."""
    rng = generator(seed, chunk, "messages")
    end = world.calendar.end
    parts = [
        _newsletters(world, rng, consents, people),
        _texts(world, rng, consents, people),
        _clicked(world, rng, sessions),
        _automatic(world, generator(seed, chunk, "automatic messages"), consents, people, sessions),
        _broadcast(world, rng, people, accounts, "push", _PUSH),
        _broadcast(world, rng, people, accounts, "messenger", _MESSENGER),
    ]
    person, campaign, medium, sent, clicked = (np.concatenate(x) for x in zip(*parts, strict=True))
    inside = (sent < end) & (sent >= world.calendar.start)
    # One message per person and campaign, except automatic ones: the clicked one is kept.
    auto = campaign == world.always["em-auto"]
    order = np.lexsort((sent, clicked == NONE, auto * sent, campaign, person))
    order = order[inside[order]]
    person, campaign, medium, sent, clicked = (
        x[order] for x in (person, campaign, medium, sent, clicked)
    )
    label = np.stack([person, campaign, np.where(auto[order], sent, 0)])
    keep = np.r_[True, (label[:, 1:] != label[:, :-1]).any(axis=0)] if len(person) else inside
    keep = keep[: len(person)]
    rows = np.flatnonzero(keep)
    rows = rows[np.lexsort((person[rows], campaign[rows], sent[rows]))]
    person, campaign, medium, sent, clicked = (
        x[rows] for x in (person, campaign, medium, sent, clicked)
    )
    _write(
        files,
        world,
        rng,
        keys,
        people,
        accounts,
        contacts,
        consents,
        (person, campaign, medium, sent, clicked),
    )


_Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _newsletters(
    world: World, rng: np.random.Generator, consents: Consents, people: People
) -> _Part:
    granted, withdrawn = consents.granted_at[0], consents.withdrawn_at[0]
    sent = world.newsletter_sent[:, None]
    allowed = (granted != NONE) & (granted < sent) & ((withdrawn == NONE) | (withdrawn > sent))
    chosen = allowed & (rng.random(allowed.shape) < 0.42)
    leaving = consents.unsubscribed_month
    chosen[leaving[leaving >= 0], np.flatnonzero(leaving >= 0)] = True
    month, person = np.nonzero(chosen)
    time = world.newsletter_sent[month] + rng.integers(0, 1200, len(person))
    none = np.full(len(person), NONE)
    return person, world.newsletter[month], np.full(len(person), _EMAIL), time, none


def _quarter_days(world: World, campaigns: np.ndarray) -> np.ndarray:
    """The day on which each quarter's messages go out: its twentieth, or its last if shorter."""
    starts = np.array(world.campaigns.starts)[campaigns]
    ends = np.array(world.campaigns.ends)[campaigns]
    return np.minimum(starts + 19, ends)


def _texts(world: World, rng: np.random.Generator, consents: Consents, people: People) -> _Part:
    campaigns = np.unique(world.quarterly["sms"])
    sent = (_quarter_days(world, campaigns) * DAY + 11 * 3600)[:, None]
    granted, withdrawn = consents.granted_at[1], consents.withdrawn_at[1]
    allowed = (granted != NONE) & (granted < sent) & ((withdrawn == NONE) | (withdrawn > sent))
    at, person = np.nonzero(allowed & (rng.random(allowed.shape) < 0.5))
    none = np.full(len(person), NONE)
    return person, campaigns[at], np.full(len(person), _SMS), sent[at, 0], none


def _broadcast(
    world: World,
    rng: np.random.Generator,
    people: People,
    accounts: Accounts,
    kind: str,
    medium: int,
) -> _Part:
    """Push messages to account holders, messenger ones to Russian account holders."""
    campaigns = np.unique(world.quarterly[kind])
    sent = (_quarter_days(world, campaigns) * DAY + 16 * 3600)[:, None]
    has = accounts.of_person >= 0
    if kind == "messenger":
        has &= people.is_russian
    since = np.full(people.size, world.calendar.end)
    since[has] = accounts.registered_at[accounts.of_person[has]]
    allowed = (since < sent) & (rng.random((len(campaigns), people.size)) < 0.15)
    at, person = np.nonzero(allowed)
    none = np.full(len(person), NONE)
    return person, campaigns[at], np.full(len(person), medium), sent[at, 0], none


def _automatic(
    world: World,
    rng: np.random.Generator,
    consents: Consents,
    people: People,
    sessions: Sessions,
) -> _Part:
    """Automatic e-mails that nobody clicks, around the days of those that are clicked."""
    automatic = world.always["em-auto"]
    clicks = sessions.start[(sessions.person >= 0) & (sessions.campaign == automatic)]
    near = rng.integers(-15 * DAY, 15 * DAY, len(clicks) * AUTOMATIC_TRIED)
    sent = np.repeat(clicks, AUTOMATIC_TRIED) + near
    person = rng.integers(0, people.size, len(sent))
    granted, withdrawn = consents.granted_at[0][person], consents.withdrawn_at[0][person]
    allowed = (granted != NONE) & (granted < sent) & ((withdrawn == NONE) | (withdrawn > sent))
    person, sent = person[allowed], sent[allowed]
    size = len(person)
    return person, np.full(size, automatic), np.full(size, _EMAIL), sent, np.full(size, NONE)


def _clicked(world: World, rng: np.random.Generator, sessions: Sessions) -> _Part:
    mine = (sessions.person >= 0) & ((sessions.channel == EMAIL) | (sessions.channel == SMS))
    rows = np.flatnonzero(mine)
    clicked, campaign = sessions.start[rows], sessions.campaign[rows]
    back = rng.integers(600, 20 * 3600, len(rows))
    month = world.month_of_day[
        np.clip(clicked // DAY - world.calendar.start_day, 0, world.calendar.days - 1)
    ]
    bulk = campaign == world.newsletter[month]
    sent = np.where(bulk, world.newsletter_sent[month], clicked - back)
    medium = np.where(sessions.channel[rows] == EMAIL, _EMAIL, _SMS)
    # What was sent before the data begin is not in them.
    return sessions.person[rows], campaign, medium, sent, np.maximum(clicked, sent + 30)


def _write(
    files: Files,
    world: World,
    rng: np.random.Generator,
    keys: Keys,
    people: People,
    accounts: Accounts,
    contacts: Contacts,
    consents: Consents,
    messages: _Part,
) -> None:
    person, campaign, medium, sent, clicked = messages
    size, end = len(person), world.calendar.end
    numbers = keys.message + 1 + np.arange(size)
    keys.message += size
    was_clicked = clicked != NONE
    leaving = consents.unsubscribed_month[person]
    left = (leaving >= 0) & (world.newsletter[np.maximum(leaving, 0)] == campaign)
    dead = (medium == _EMAIL) & (sent >= people.mailbox_dies_at[person])
    bounced = ~was_clicked & ~left & (dead | ((medium == _SMS) & chance(rng, size, 0.004)))
    can_open = (medium == _EMAIL) | (medium == _PUSH)
    opened = ~bounced & can_open & (was_clicked | left | chance(rng, size, 0.27))
    delay = np.floor(exponential(rng, size) * 5 * 3600).astype(np.int64) + 120
    open_at = sent + np.where(was_clicked, np.minimum(delay, (clicked - sent) // 2), delay)
    open_at = np.where(left, sent + np.minimum(delay, 4 * 3600), open_at)
    arrive = sent + rng.integers(1, 25, size)
    shown = [
        (np.ones(size, bool), sent),
        (~bounced, arrive),
        (opened, np.maximum(open_at, arrive)),
        (was_clicked, np.maximum(clicked, arrive)),
        (bounced, arrive),
        (left, consents.withdrawn_at[0][person]),
    ]
    row = np.concatenate([np.flatnonzero(mask & (time < end)) for mask, time in shown])
    kind = np.concatenate(
        [np.full(int((mask & (time < end)).sum()), at) for at, (mask, time) in enumerate(shown)]
    )
    time = np.concatenate([t[mask & (t < end)] for mask, t in shown])
    order = np.lexsort((kind, row))
    row, kind, time = row[order], kind[order], time[order]
    contact = contacts.of_person[person]
    account = accounts.of_person[person]
    use_contact = (contact >= 0) & (medium <= _SMS)
    use_contact &= at_rows(contacts.created_at, contact) < sent
    use_account = ~use_contact & (account >= 0)
    use_account &= at_rows(accounts.registered_at, account) < sent
    contact_number = at_rows(contacts.number, np.where(use_contact, contact, -1))
    account_number = at_rows(accounts.number, np.where(use_account, account, -1))
    bare = ~use_contact & ~use_account
    email = blank(people.email.take(pa.array(person)), ~bare | (medium == _SMS))
    phone = blank(write_phones(rng, people.phone[person]), ~bare | (medium != _SMS))
    files.write(
        "marketing/messages",
        {
            "message_id": key("M-", numbers[row], 7),
            "event": pick(EVENTS, kind),
            "medium": pick(MEDIUMS, medium[row]),
            "occurred_at": stamp(time),
            "campaign_id": pick(world.campaigns.ids, campaign[row]),
            "contact_id": contact_key(contact_number[row]),
            "account_id": account_key(account_number[row]),
            "email": email.take(pa.array(row)),
            "phone": phone.take(pa.array(row)),
        },
    )
