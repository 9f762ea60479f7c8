"""Web sessions: those that end in an order, those that caused one later, those that led nowhere."""

from dataclasses import dataclass

import numpy as np

from dagster_project.sample.columns import at_rows
from dagster_project.sample.draw import (
    DAY,
    chance,
    cumulative,
    exponential,
    generator,
    time_of_day,
    weighted,
)
from dagster_project.sample.orders import APP, FAILED, Orders
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
from dagster_project.sample.records import Accounts, Keys
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
_BUY, BUY_NEW, _CRAWL = 7, 10, 11
LENGTH = np.array([len(script) for script in SCRIPTS])

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
    account = at_rows(orders.account, order)
    joined = at_rows(accounts.registered_at, account) == time - 240
    script = np.where((order >= 0) & joined, BUY_NEW, script)
    brand = (order >= 0) & (causes < 0)
    campaign = campaigns_of(world, channel, time, brand)
    # A session that places an order starts as long before it as its steps take.
    length = LENGTH[script]
    time = np.where(order >= 0, time - 300 - 60 * length, time)
    time = np.maximum(time, start)
    visitor = _visitors(rng, keys, people, person, order, orders)
    rank = np.argsort(time, kind="stable")
    arrays = (person, time, channel, campaign, script, order, causes, visitor)
    person, time, channel, campaign, script, order, causes, visitor = (a[rank] for a in arrays)
    length = LENGTH[script]
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
    app = at_rows(orders.channel, order) == APP
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
    label[stranger] = people.size * 2 + new - 1
    total = people.size * 2 + len(stranger) + 1
    number = keys.visitor + 1 + rng.permutation(total)
    keys.visitor += total
    return number[label]
