"""The web events of each session, and the truth about visitors and causes."""

import numpy as np
import pyarrow as pa

from dagster_project.sample.columns import (
    NONE,
    Text,
    at_rows,
    blank,
    expand,
    key,
    pick,
    stamp,
    where,
)
from dagster_project.sample.draw import chance, generator
from dagster_project.sample.journeys import (
    BOT,
    BUY_NEW,
    CART,
    EVENTS,
    LENGTH,
    ORDER,
    PRODUCT,
    SCRIPTS,
    SIGN_UP,
    VIEW,
    Sessions,
)
from dagster_project.sample.layout import Files
from dagster_project.sample.orders import APP, CANCELLED, Orders
from dagster_project.sample.people import People
from dagster_project.sample.purchases import CHANNELS
from dagster_project.sample.records import Accounts, account_key, order_key
from dagster_project.sample.world import World

_STEPS = np.array([[*script, *[VIEW] * (8 - len(script))] for script in SCRIPTS])
DEVICES = ("desktop", "mobile", "tablet", "app")
BOTS = ("bot", "crawler", "spider")


def write_events(
    files: Files,
    world: World,
    seed: int,
    chunk: int,
    people: People,
    accounts: Accounts,
    orders: Orders,
    sessions: Sessions,
) -> None:
    """Every event of every session, and whose the visitors are."""
    rng = generator(seed, chunk, "event rows")
    size = sessions.size
    row, position = expand(LENGTH[sessions.script])
    event = _STEPS[sessions.script[row], position]
    places_order = sessions.order >= 0
    gap = np.where(
        places_order[row], 20 + rng.integers(0, 40, len(row)), 10 + rng.integers(0, 240, len(row))
    )
    gap = np.where((sessions.person == BOT)[row], 2, gap)
    gap = np.where(position == 0, 0, gap)
    walked = np.cumsum(gap)
    first = np.flatnonzero(position == 0)
    time = sessions.start[row] + walked - walked[first][row]
    time = np.minimum(time, world.calendar.end - 1)
    order_time = at_rows(orders.time, sessions.order)[row]
    time = np.where(event == ORDER, order_time, time)
    time = np.where(event == SIGN_UP, order_time - 240, time)
    time = np.where(places_order[row], np.minimum(time, order_time), time)

    account = np.full(size, -1)
    known = sessions.person >= 0
    mine = accounts.at(np.maximum(sessions.person, 0), sessions.start)
    account = np.where(known & chance(rng, size, 0.35) & ~places_order, mine, account)
    account = np.where(places_order, at_rows(orders.account, sessions.order), account)
    from_start = ~places_order | chance(rng, size, 0.5)
    from_start &= sessions.script != BUY_NEW
    late = (event == ORDER) | (event == SIGN_UP) | (from_start[row])
    shown = np.where(late, at_rows(accounts.number, account)[row], NONE)

    goods = np.floor(rng.random(len(row)) * rng.random(len(row)) * len(world.products.ids))
    product = goods.astype(np.int64)
    ordered = at_rows(orders.first_product, sessions.order)[row]
    product = np.where(places_order[row], ordered, product)
    has_product = (event == PRODUCT) | (event == CART)
    order_number = at_rows(orders.number, sessions.order)
    order_shown = np.where(event == ORDER, order_number[row], NONE)
    source, medium, campaign, referrer = _origin(world, rng, people, sessions)
    first_only = position == 0
    device = np.where(chance(rng, size, 0.5), 1, np.where(chance(rng, size, 0.15), 2, 0))
    device = np.where(at_rows(orders.channel, sessions.order) == APP, 3, device)
    device = np.where(sessions.person == BOT, 4 + np.arange(size) % len(BOTS), device)
    foreign = people.is_russian[np.maximum(sessions.person, 0)] & known
    foreign |= ~known & (np.arange(size) % 5 >= 3)
    paths = pick(
        ["/", "/p", "/search", "/cart", "/checkout", "/thanks", "/register", "/contact"], event
    )
    files.write(
        "shop/web_events",
        {
            "event_id": key("E", sessions.event[row] + position, 7),
            "visitor_id": key("V", sessions.visitor[row], 7),
            "account_id": account_key(shown),
            "occurred_at": stamp(time),
            "event_name": pick(EVENTS, event),
            "page_path": paths,
            "product_id": pick(world.products.ids, np.where(has_product, product, -1)),
            "order_id": order_key(order_shown),
            "utm_source": _on(source, row, first_only),
            "utm_medium": _on(medium, row, first_only),
            "utm_campaign": _on(campaign, row, first_only),
            "referrer": _on(referrer, row, first_only),
            "device": pick([*DEVICES, *BOTS], device[row]),
            "country": pick(["GB", "RU"], foreign[row].astype(np.int64)),
        },
    )
    _write_visitors(files, people, sessions)


def _on(column: Text, row: np.ndarray, mask: np.ndarray) -> Text:
    return blank(column.take(pa.array(row)), ~mask)


def _origin(
    world: World, rng: np.random.Generator, people: People, sessions: Sessions
) -> tuple[Text, Text, Text, Text]:
    """utm_source, utm_medium, utm_campaign and referrer of each session."""
    size = sessions.size
    russian = (people.is_russian[np.maximum(sessions.person, 0)] & (sessions.person >= 0)).astype(
        np.int64
    )
    other = chance(rng, size, 0.3).astype(np.int64)
    tagged = {
        "paid_search": (("google", "bing", "yandex", "google"), "cpc"),
        "paid_social": (("facebook", "instagram", "vk", "vk"), "paid_social"),
        "email": (("newsletter",) * 4, "email"),
        "sms": (("sms",) * 4, "sms"),
        "affiliates": (("cashbackhub", "dealfinder", "cashbackhub", "kupongid"), "affiliate"),
        "display": (("adnet", "adnet", "rtbhouse", "rtbhouse"), "display"),
    }
    bare = {
        "organic_search": ("www.google.com", "www.bing.com", "yandex.ru", "www.google.com"),
        "organic_social": ("www.instagram.com", "www.pinterest.com", "vk.com", "t.me"),
        "referral": ("homestyle.example", "gardenblog.example", "dom.example", "uyut.example"),
    }
    flat_sources: list[str | None] = []
    flat_referrers: list[str | None] = []
    mediums: list[str | None] = []
    for channel in CHANNELS:
        sources, medium = tagged.get(channel, ((None,) * 4, None))
        flat_sources += sources
        mediums.append(medium)
        flat_referrers += [host and f"https://{host}/" for host in bare.get(channel, (None,) * 4)]
    at = sessions.channel * 4 + russian * 2 + other
    return (
        pick(flat_sources, at),
        pick(mediums, sessions.channel),
        pick(world.campaigns.ids, sessions.campaign),
        pick(flat_referrers, at),
    )


def _write_visitors(files: Files, people: People, sessions: Sessions) -> None:
    known = sessions.person >= 0
    pairs = np.unique(np.stack([sessions.visitor[known], sessions.person[known]]), axis=1)
    visitor, person = pairs
    _, index, counts = np.unique(visitor, return_inverse=True, return_counts=True)
    files.write(
        "visitors",
        {
            "visitor_id": key("V", visitor, 7),
            "person_id": people.ids.take(pa.array(person)),
            "is_shared": pick(["false", "true"], (counts[index] > 1).astype(np.int64)),
        },
    )


def write_order_touches(
    files: Files, people: People, orders: Orders, sessions: Sessions, calls: dict[str, np.ndarray]
) -> None:
    """The touch that truly caused each purchase; none for those that would have come anyway."""
    kind = np.zeros(orders.size, dtype=np.int64)
    number, touched = np.full(orders.size, NONE), np.full(orders.size, NONE)
    cause = sessions.causes >= 0
    at = sessions.causes[cause]
    kind[at], number[at], touched[at] = 1, sessions.event[cause], sessions.start[cause]
    at = calls["order"]
    kind[at], number[at], touched[at] = 2, calls["number"], calls["time"]
    rows = np.flatnonzero((orders.purchase >= 0) & (orders.status != CANCELLED))
    kind, number, touched = kind[rows], number[rows], touched[rows]
    source = where(kind == 1, key("E", number, 7), key("K-", number))
    files.write(
        "order_touches",
        {
            "order_id": order_key(orders.number[rows]),
            "person_id": people.ids.take(pa.array(orders.person[rows])),
            "cause_channel": pick(
                [*CHANNELS, "baseline"], orders.cause[rows] % (len(CHANNELS) + 1)
            ),
            "touch_kind": pick([None, "session", "call"], kind),
            "touch_source_id": source,
            "touched_at": stamp(touched),
        },
    )
