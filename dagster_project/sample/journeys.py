"""Web sessions: those that end in an order, those that caused one later, those that led nowhere."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dagster_project.sample.columns import (
    NONE,
    Text,
    blank,
    expand,
    key,
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
    time_of_day,
    weighted,
)
from dagster_project.sample.layout import Files
from dagster_project.sample.orders import APP, CANCELLED, FAILED, Orders
from dagster_project.sample.people import People
from dagster_project.sample.purchases import (
    BASELINE,
    CALLS,
    CHANNELS,
    DIRECT,
    EMAIL,
    ORGANIC,
    PAID,
    SMS,
    Touches,
)
from dagster_project.sample.rates import NAVIGATION, rate
from dagster_project.sample.records import Accounts, Keys, account_key, order_key
from dagster_project.sample.world import World

EVENTS = [
    "page_view",
    "product_view",
    "search",
    "add_to_cart",
    "checkout_started",
    "order_placed",
    "sign_up",
    "form_submitted",
]
VIEW, PRODUCT, SEARCH, CART, CHECKOUT, ORDER, SIGN_UP, FORM = range(8)

# What happens in a session, in order.
SCRIPTS = (
    (VIEW,),
    (VIEW, PRODUCT),
    (VIEW, PRODUCT, PRODUCT),
    (VIEW, SEARCH, PRODUCT),
    (VIEW, PRODUCT, CART),
    (VIEW, PRODUCT, CART, CHECKOUT),
    (VIEW, FORM),
    (VIEW, PRODUCT, CART, CHECKOUT, ORDER),
    (VIEW, CART, CHECKOUT, ORDER),
    (VIEW, PRODUCT, PRODUCT, CART, CHECKOUT, ORDER),
    (VIEW, PRODUCT, CART, CHECKOUT, SIGN_UP, ORDER),
    (VIEW,) * 8,
)
_BROWSE_WEIGHTS = cumulative([40, 24, 12, 8, 9, 4, 3])
_BUY, _BUY_NEW, _CRAWL = 7, 10, 11
_LENGTH = np.array([len(script) for script in SCRIPTS])
_STEPS = np.array([[*script, *[VIEW] * (8 - len(script))] for script in SCRIPTS])

DEVICES = ("desktop", "mobile", "tablet", "app")
BOTS = ("Googlebot", "YandexBot", "AhrefsBot")
ANONYMOUS, BOT = -1, -2


@dataclass
class Sessions:
    """One element per web session, sorted by start; person ANONYMOUS or BOT for strangers.

    ``campaign`` is an index into the campaigns or -1; ``order`` a row in Orders that the session
    places, ``causes`` one that it brings about (-1 none); ``event`` the number of its first event.
    """

    person: np.ndarray
    start: np.ndarray
    channel: np.ndarray
    campaign: np.ndarray
    script: np.ndarray
    order: np.ndarray
    causes: np.ndarray
    visitor: np.ndarray
    event: np.ndarray

    @property
    def size(self) -> int:
        return len(self.person)


def make_sessions(
    world: World,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    accounts: Accounts,
    orders: Orders,
    touches: Touches,
) -> Sessions:
    """All sessions; the orders get the visitor that placed them."""
    rng = generator(seed, chunk, "sessions")
    start = world.calendar.start
    online = orders.is_online & (orders.status != FAILED)
    seen = online & ~chance(rng, orders.size, rate("untracked_purchase"))
    by_web = (orders.cause != BASELINE) & (orders.cause != CALLS) & (orders.purchase >= 0)
    at_once = by_web & online & chance(rng, orders.size, 0.4)
    navigation = np.array([CHANNELS.index(c) for c in NAVIGATION])[
        weighted(rng, cumulative(list(NAVIGATION.values())), orders.size)
    ]
    placed = np.flatnonzero(seen)
    caused = np.flatnonzero(by_web & ~at_once)
    lag = 2 * 3600 + np.floor(exponential(rng, len(caused)) * 4 * DAY).astype(np.int64)
    lag = np.minimum(lag, 27 * DAY)
    walk = touches.channel != CALLS
    some = len(placed) + len(caused) + int(walk.sum())
    anonymous = rng.poisson(rate("anonymous_sessions") * some)
    bots = rng.poisson(rate("bot_sessions") * some)
    span = world.calendar.days
    stranger_days = (rng.integers(0, span, anonymous + bots) + world.calendar.start_day) * DAY
    stranger_channel = np.array([ORGANIC, PAID, DIRECT, CHANNELS.index("paid_social")])[
        weighted(rng, cumulative([40, 25, 20, 15]), anonymous + bots)
    ]
    person = np.r_[
        np.where(orders.person[placed] < 0, ANONYMOUS, orders.person[placed]),
        orders.person[caused],
        touches.person[walk],
        np.full(anonymous, ANONYMOUS),
        np.full(bots, BOT),
    ]
    channel = np.r_[
        np.where(at_once, orders.cause, navigation)[placed],
        orders.cause[caused],
        touches.channel[walk],
        stranger_channel,
    ]
    channel = np.where(person == BOT, DIRECT, channel)
    time = np.r_[
        orders.time[placed],
        np.maximum(orders.time[caused] - lag, start + 60),
        touches.time[walk],
        stranger_days + time_of_day(rng, anonymous + bots),
    ]
    none = np.full(len(person), -1)
    order, causes = none.copy(), none.copy()
    order[: len(placed)] = placed
    causes[: len(placed)] = np.where(at_once[placed], placed, -1)
    causes[len(placed) : len(placed) + len(caused)] = caused
    script = weighted(rng, _BROWSE_WEIGHTS, len(person))
    script = np.where(person == BOT, _CRAWL, script)
    buying = _BUY + weighted(rng, cumulative([50, 20, 30]), len(person))
    script = np.where(order >= 0, buying, script)
    account = orders.account[np.maximum(order, 0)] if orders.size else none
    if len(accounts.number):
        joined = accounts.registered_at[np.maximum(account, 0)] == time - 240
        script = np.where((order >= 0) & (account >= 0) & joined, _BUY_NEW, script)
    brand = (order >= 0) & (causes < 0)
    campaign = campaigns_of(world, channel, time, brand)
    # A session that places an order starts as long before it as its steps take.
    length = _LENGTH[script]
    time = np.where(order >= 0, time - 300 - 60 * length, time)
    time = np.maximum(time, start)
    visitor = _visitors(rng, keys, people, person, order, orders)
    rank = np.argsort(time, kind="stable")
    arrays = (person, time, channel, campaign, script, order, causes, visitor)
    person, time, channel, campaign, script, order, causes, visitor = (a[rank] for a in arrays)
    length = _LENGTH[script]
    first_event = keys.event + 1 + np.cumsum(length) - length
    keys.event += int(length.sum())
    orders.visitor[order[order >= 0]] = visitor[order >= 0]
    return Sessions(person, time, channel, campaign, script, order, causes, visitor, first_event)


def campaigns_of(
    world: World, channel: np.ndarray, time: np.ndarray, brand: np.ndarray
) -> np.ndarray:
    """The campaign behind a touch of a channel at a time; -1 for channels that have none."""
    calendar = world.calendar
    month = world.month_of_day[np.clip(time // DAY - calendar.start_day, 0, calendar.days - 1)]
    sent = world.newsletter_sent[month]
    fresh = (time >= sent + 1800) & (time < sent + 12 * DAY)
    mail = np.where(fresh, world.newsletter[month], world.always["em-auto"])
    names = [CHANNELS[c] for c in range(len(CHANNELS))]
    conditions = [
        (channel == PAID) & brand,
        channel == PAID,
        channel == names.index("affiliates"),
        channel == names.index("display"),
        channel == EMAIL,
        channel == SMS,
        channel == names.index("paid_social"),
        channel == CALLS,
    ]
    choices = [
        world.always["ps-brand"],
        world.always["ps-generic"],
        world.always["aff-partners"],
        world.always["disp-retargeting"],
        mail,
        world.quarterly["sms"][month],
        world.quarterly["paid_social"][month],
        world.quarterly["call_center"][month],
    ]
    return np.select(conditions, choices, -1)


def _visitors(
    rng: np.random.Generator,
    keys: Keys,
    people: People,
    person: np.ndarray,
    order: np.ndarray,
    orders: Orders,
) -> np.ndarray:
    """Visitor numbers: two devices per person, one shared by some families, and fresh cookies."""
    size = len(person)
    who = np.maximum(person, 0)
    second = chance(rng, size, 0.25)
    app = (order >= 0) & (orders.channel[np.maximum(order, 0)] == APP) if orders.size else second
    head = np.where(people.family >= 0, people.family * 4, np.arange(people.size))
    first_device = np.where(people.shares_device, head, np.arange(people.size))
    label = np.where(second | app, who * 2 + 1, first_device[who] * 2)
    fresh = (person < 0) | (chance(rng, size, rate("cleared_cookie")) & ~app)
    # Every other anonymous session comes from a visitor seen before.
    stranger = np.flatnonzero(fresh)
    again = np.r_[np.zeros(min(len(stranger), 1), int), np.arange(max(len(stranger) - 1, 0))]
    back = chance(rng, len(stranger), 0.35) & (person[stranger] == ANONYMOUS)
    back &= (person[stranger[again]] == ANONYMOUS) & (order[stranger] < 0)
    new = np.cumsum(~back)
    label[stranger] = people.size * 2 + new - 1 if len(stranger) else label[stranger]
    total = people.size * 2 + len(stranger) + 1
    number = keys.visitor + 1 + rng.permutation(total)
    keys.visitor += total
    return number[label]


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
    row, position = expand(_LENGTH[sessions.script])
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
    if orders.size:
        order_time = orders.time[np.maximum(sessions.order, 0)][row]
        time = np.where(event == ORDER, order_time, time)
        time = np.where(event == SIGN_UP, order_time - 240, time)
        time = np.where(places_order[row], np.minimum(time, order_time), time)

    account = np.full(size, -1)
    known = sessions.person >= 0
    mine = accounts.at(np.maximum(sessions.person, 0), sessions.start)
    account = np.where(known & chance(rng, size, 0.35) & ~places_order, mine, account)
    buyer = orders.account[np.maximum(sessions.order, 0)] if orders.size else account
    account = np.where(places_order, buyer, account)
    from_start = ~places_order | chance(rng, size, 0.5)
    from_start &= sessions.script != _BUY_NEW
    late = (event == ORDER) | (event == SIGN_UP) | (from_start[row])
    numbers = (
        np.where(account >= 0, accounts.number[np.maximum(account, 0)], NONE)
        if len(accounts.number)
        else np.full(size, NONE)
    )
    shown = np.where(late, numbers[row], NONE)

    goods = np.floor(rng.random(len(row)) * rng.random(len(row)) * len(world.products.ids))
    product = goods.astype(np.int64)
    if orders.size:
        product = np.where(
            places_order[row], orders.first_product[np.maximum(sessions.order, 0)][row], product
        )
    has_product = (event == PRODUCT) | (event == CART)
    order_number = orders.number[np.maximum(sessions.order, 0)] if orders.size else account
    order_shown = np.where(event == ORDER, order_number[row], NONE)
    source, medium, campaign, referrer = _origin(world, rng, people, sessions)
    first_only = position == 0
    device = np.where(chance(rng, size, 0.5), 1, np.where(chance(rng, size, 0.15), 2, 0))
    if orders.size:
        app = orders.channel[np.maximum(sessions.order, 0)] == APP
        device = np.where(places_order & app, 3, device)
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
