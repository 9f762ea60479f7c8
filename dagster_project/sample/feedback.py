"""What customers say: surveys, reviews, social media."""

import numpy as np
import pyarrow as pa

from dagster_project.sample.columns import (
    NONE,
    at_rows,
    blank,
    cat,
    key,
    number,
    pick,
    stamp,
    where,
)
from dagster_project.sample.draw import DAY, chance, cumulative, exponential, generator, weighted
from dagster_project.sample.layout import Files
from dagster_project.sample.orders import Orders
from dagster_project.sample.people import People
from dagster_project.sample.phrases import CHURN_REASONS, SOCIAL, opinion
from dagster_project.sample.purchases import Purchases
from dagster_project.sample.rates import rate
from dagster_project.sample.records import (
    Accounts,
    Contacts,
    Keys,
    account_key,
    contact_key,
    order_key,
)
from dagster_project.sample.service import ANSWERED, INBOUND, Calls, Tickets
from dagster_project.sample.world import World

KINDS = ("nps", "csat", "ces")
_NPS, _CSAT, _CES = range(3)


def write_surveys(
    files: Files,
    world: World,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    contacts: Contacts,
    purchases: Purchases,
    orders: Orders,
    calls: Calls,
    tickets: Tickets,
) -> None:
    """NPS after orders and from lost customers with their reason, CSAT after calls, CES."""
    rng = generator(seed, chunk, "surveys")
    bought = np.flatnonzero((orders.purchase >= 0) & chance(rng, orders.size, rate("nps_survey")))
    spoke = np.flatnonzero(
        (calls.disposition == ANSWERED)
        & (calls.direction == INBOUND)
        & chance(rng, calls.size, 0.16)
    )
    wrote = np.flatnonzero((tickets.resolved_at != NONE) & chance(rng, len(tickets.number), 0.15))
    lost = people.is_buyer & ~purchases.alive & chance(rng, people.size, 0.10)
    lost = np.flatnonzero(lost)
    groups = [len(bought), len(lost), len(spoke), len(wrote)]
    group = np.repeat(np.arange(4), groups)
    who = np.r_[orders.person[bought], lost, calls.person[spoke], tickets.person[wrote]]
    base = np.r_[
        orders.time[bought] + 2 * DAY,
        purchases.last_alive[lost] + 30 * DAY,
        calls.start[spoke] + 1200,
        tickets.resolved_at[wrote] + 600,
    ]
    time = base + np.floor(exponential(rng, len(who)) * 2 * DAY).astype(np.int64)
    order_number = np.full(len(who), NONE)
    order_number[: groups[0]] = orders.number[bought]
    call_number = np.full(len(who), NONE)
    call_number[len(who) - groups[3] - groups[2] : len(who) - groups[3]] = calls.number[spoke]
    unresolved = np.zeros(len(who))
    unresolved[len(who) - groups[3] - groups[2] : len(who) - groups[3]] = ~calls.is_resolved[spoke]
    keep = np.flatnonzero(time < world.calendar.end)
    keep = keep[np.argsort(time[keep], kind="stable")]
    who, time, group = who[keep], time[keep], group[keep]
    order_number, call_number, unresolved = order_number[keep], call_number[keep], unresolved[keep]
    size = len(who)
    mood = people.satisfaction[who] - 0.25 * unresolved - 0.35 * (group == 1)
    mood = np.clip(mood + 0.5 * (rng.random(size) + rng.random(size) - 1), 0, 1)
    kind = np.array([_NPS, _NPS, _CSAT, _CES])[group]
    top = np.array([10, 5, 7])[kind]
    score = np.where(kind == _NPS, np.round(mood * top), 1 + np.round(mood * (top - 1)))
    reason = weighted(rng, cumulative([22, 30, 18, 12, 18]), size)
    shown_reason = np.where((group == 1) | ((mood < 0.4) & chance(rng, size, 0.5)), reason, -1)
    contact = contacts.of_person[who]
    anonymous = (group == 0) & chance(rng, size, 0.5)
    contact_number = at_rows(contacts.number, np.where(anonymous, -1, contact))
    bare = (contact_number == NONE) & (order_number == NONE) & (call_number == NONE)
    grade = np.where(mood < 0.45, 0, np.where(mood < 0.65, 1, 2))
    comment = opinion(rng, people.is_russian[who], grade)
    numbers = keys.survey + 1 + np.arange(size)
    keys.survey += size
    files.write(
        "crm/surveys",
        {
            "survey_id": key("S-", numbers),
            "kind": pick(KINDS, kind),
            "score": score.astype(np.int64),
            "reason": pick(CHURN_REASONS, shown_reason),
            "comment": blank(comment, ~chance(rng, size, 0.2)),
            "answered_at": stamp(time),
            "contact_id": contact_key(contact_number),
            "email": blank(people.email.take(pa.array(who)), ~bare),
            "order_id": order_key(order_number),
            "call_id": key("K-", call_number),
        },
    )


def write_reviews(
    files: Files,
    world: World,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    accounts: Accounts,
    orders: Orders,
) -> None:
    """Reviews by account holders of the first product of an order."""
    rng = generator(seed, chunk, "reviews")
    may = (orders.purchase >= 0) & (orders.account >= 0)
    rows = np.flatnonzero(may & chance(rng, orders.size, rate("review")))
    time = orders.time[rows] + 3 * DAY + np.floor(exponential(rng, len(rows)) * 8 * DAY).astype(int)
    rows, time = rows[time < world.calendar.end], time[time < world.calendar.end]
    order = np.argsort(time, kind="stable")
    rows, time = rows[order], time[order]
    size, who = len(rows), orders.person[rows]
    mood = np.clip(people.satisfaction[who] + 0.7 * (rng.random(size) - 0.5), 0, 1)
    rating = 1 + np.round(mood * 4).astype(np.int64)
    grade = np.where(rating <= 2, 0, np.where(rating == 3, 1, 2))
    body = opinion(rng, people.is_russian[who], grade)
    numbers = keys.review + 1 + np.arange(size)
    keys.review += size
    account = orders.account[rows]
    files.write(
        "shop/reviews",
        {
            "review_id": key("W-", numbers),
            "account_id": account_key(at_rows(accounts.number, account)),
            "order_id": blank(order_key(orders.number[rows]), chance(rng, size, 0.2)),
            "product_id": pick(world.products.ids, orders.first_product[rows]),
            "rating": rating,
            "body": blank(body, chance(rng, size, 0.25)),
            "reviewed_at": stamp(time),
        },
    )


def write_social(
    files: Files,
    world: World,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    accounts: Accounts,
    contacts: Contacts,
) -> None:
    """Mentions, comments, messages and likes; half of them by somebody whom nobody knows."""
    rng = generator(seed, chunk, "social")
    size = int(rng.poisson(people.size * 0.12))
    who = rng.integers(0, max(people.size, 1), size)
    time = np.sort(rng.integers(world.calendar.start, world.calendar.end, size))
    kind = weighted(rng, cumulative([20, 35, 15, 30]), size)
    russian = people.is_russian[who] if people.size else np.zeros(size, bool)
    platform = where(
        russian,
        pick(["vk", "telegram"], rng.integers(0, 2, size)),
        pick(["instagram", "facebook"], rng.integers(0, 2, size)),
    )
    how = rng.random(size)
    contact, account = contacts.of_person[who], accounts.at(who, time)
    known = (how < 0.25) & (at_rows(contacts.created_at, contact) < time)
    contact_number = at_rows(contacts.number, np.where(known, contact, -1))
    known = (how >= 0.25) & (how < 0.4)
    account_number = at_rows(accounts.number, np.where(known, account, -1))
    by_mail = (how >= 0.4) & (how < 0.5) & (time >= world.calendar.start)
    email = blank(people.email.take(pa.array(who)), ~by_mail)
    numbers = keys.social + 1 + np.arange(size)
    keys.social += size
    handle = cat("@user", number((who + people.base) * 7_919 % 999_983, 6))
    body = pick(SOCIAL, russian * 3 + rng.integers(0, 3, size))
    files.write(
        "marketing/social_interactions",
        {
            "interaction_id": key("I-", numbers),
            "platform": platform,
            "kind": pick(["mention", "comment", "message", "like"], kind),
            "occurred_at": stamp(time),
            "body": blank(body, kind == 3),
            "handle": handle,
            "contact_id": contact_key(contact_number),
            "account_id": account_key(account_number),
            "email": email,
        },
    )
