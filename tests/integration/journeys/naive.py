"""Sessions, identity of visits and attribution once more, written as loops from the definitions."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby, pairwise
from math import floor
from typing import Any

from dagster_project.transform.thresholds import threshold

GAP = timedelta(seconds=threshold("session_gap_seconds"))
VISIT = timedelta(seconds=threshold("message_visit_seconds"))
ROLE_SHARE = Fraction(3, 10)
REST_SHARE = Fraction(1, 10)
CHANNEL_OF = {
    (None, None, None): "direct",
    (None, None, "https://www.google.com/search"): "organic_search",
    (None, None, "https://blog.example.org/post"): "referral",
    ("google", "cpc", None): "paid_search",
    ("newsletter", "email", None): "email",
}


@dataclass
class Touch:
    touchpoint_id: str
    at: datetime
    channel: str
    campaign: str | None = None
    visitor: str | None = None
    customer: str | None = None
    names_person: bool = False
    is_identifying: bool = False
    message: str | None = None


@dataclass
class Session:
    events: list[dict[str, Any]] = field(default_factory=list)
    own: bool = False
    customer: str | None = None
    source: str | None = None


def sessions_of(events: list[dict[str, Any]]) -> dict[str, list[Session]]:
    by_visitor: dict[str, list[Session]] = defaultdict(list)
    for event in sorted(events, key=lambda e: (e["occurred_at"], e["event_id"])):
        sessions = by_visitor[event["visitor_id"]]
        if not sessions or event["occurred_at"] - sessions[-1].events[-1]["occurred_at"] >= GAP:
            sessions.append(Session())
        sessions[-1].events.append(event)
    return by_visitor


def identify(
    sessions: dict[str, list[Session]],
    orders: list[dict[str, Any]],
    owner_of_account: dict[str, str],
) -> None:
    for visitor, visits in sessions.items():
        for visit in visits:
            accounts = [e["account_id"] for e in visit.events if e["account_id"]]
            start, end = visit.events[0]["occurred_at"], visit.events[-1]["occurred_at"]
            buyers = [
                order["customer_id"]
                for order in sorted(orders, key=lambda o: (o["ordered_at"], o["order_id"]))
                if order["visitor_id"] == visitor
                and order["customer_id"]
                and start <= order["ordered_at"] < end + GAP
            ]
            if accounts:
                visit.own, visit.customer = True, owner_of_account.get(accounts[0])
            elif buyers:
                visit.own, visit.customer = True, buyers[0]
        for index, visit in enumerate(visits):
            if not visit.own:
                later = [v for v in visits[index:] if v.own]
                earlier = [v for v in visits[:index] if v.own]
                chosen = later[0] if later else earlier[-1] if earlier else None
                visit.customer = chosen.customer if chosen else None


def source_of(visit: Session) -> tuple[str, str | None]:
    """Channel and campaign text."""
    first = visit.events[0]
    tagged = [e for e in visit.events if e["utm_source"] or e["utm_medium"]]
    if tagged and (tagged[0] is first or not first["referrer"]):
        event = tagged[0]
        return CHANNEL_OF[event["utm_source"], event["utm_medium"], None], event["utm_campaign"]
    return CHANNEL_OF[None, None, first["referrer"]], None


def campaign_named(text: str | None, campaign_of: dict[str, str]) -> str | None:
    """The declared campaign, case and blanks aside, else the tag itself."""
    tag = (text or "").strip().lower()
    return campaign_of.get(tag.replace(" ", ""), tag or None)


def with_clicks_joined(touches: list[Touch]) -> list[Touch]:
    """A click and the session that it opened as one touch, the session's."""
    clicks = [t for t in touches if t.message and t.customer]
    chosen: dict[str, tuple[Touch, Touch]] = {}
    for session in sorted((t for t in touches if t.visitor), key=lambda t: (t.at, t.touchpoint_id)):
        fitting = [
            click
            for click in clicks
            if click.customer == session.customer
            and timedelta(0) <= session.at - click.at <= VISIT
            and (
                session.channel == "email"
                or (click.campaign is not None and click.campaign == session.campaign)
            )
        ]
        if fitting:
            last = min(fitting, key=lambda t: (-t.at.timestamp(), t.touchpoint_id))
            chosen.setdefault(last.touchpoint_id, (last, session))
    for click, session in chosen.values():
        session.channel, session.message = "email", click.message
        session.campaign = click.campaign or session.campaign
        session.names_person = True
    return [t for t in touches if t.touchpoint_id not in chosen]


def touches_of(
    events: list[dict[str, Any]],
    orders: list[dict[str, Any]],
    messages: list[dict[str, Any]],
    owner_of_account: dict[str, str],
    campaign_of: dict[str, str],
) -> list[Touch]:
    sessions = sessions_of(events)
    identify(sessions, orders, owner_of_account)
    touches = []
    for visitor, visits in sessions.items():
        for visit in visits:
            first = visit.events[0]
            channel, campaign = source_of(visit)
            touches.append(
                Touch(
                    f"session:{first['event_id']}",
                    first["occurred_at"],
                    channel,
                    campaign_named(campaign, campaign_of),
                    visitor,
                    visit.customer,
                    visit.own and visit.customer is not None,
                )
            )
    for message in messages:
        if message["event"] == "clicked":
            person = owner_of_account.get(message["account_id"])
            touches.append(
                Touch(
                    f"message:{message['message_id']}",
                    message["occurred_at"],
                    "email",
                    message["campaign_id"],
                    customer=person,
                    names_person=person is not None,
                    message=message["message_id"],
                )
            )
    touches = with_clicks_joined(touches)
    for person in {touch.customer for touch in touches if touch.names_person}:
        naming = [t for t in touches if t.customer == person and t.names_person]
        min(naming, key=lambda t: (t.at, t.touchpoint_id)).is_identifying = True
    return touches


def window_of(order: dict[str, Any], touches: list[Touch], lookback: timedelta) -> list[Touch]:
    if order["customer_id"]:
        mine = [t for t in touches if t.customer == order["customer_id"]]
    elif order["visitor_id"]:
        mine = [t for t in touches if t.visitor == order["visitor_id"]]
    else:
        mine = []
    window = [t for t in mine if order["ordered_at"] - lookback <= t.at <= order["ordered_at"]]
    return sorted(window, key=lambda t: (t.at, t.touchpoint_id))


def path_of(
    order: dict[str, Any], touches: list[Touch], lookback: timedelta, longest: int
) -> list[Touch]:
    return window_of(order, touches, lookback)[-longest:]


def credits_of(
    path: list[Touch], is_known: bool, half_life: float, effects: dict[str, float]
) -> dict[str, list[Fraction | float]]:
    """Share of each touch under each model; ``path`` is not empty."""
    size = len(path)
    one = [Fraction(0)] * size

    def only(index: int) -> list[Fraction]:
        return [Fraction(int(i == index)) for i in range(size)]

    non_direct = [i for i, touch in enumerate(path) if touch.channel != "direct"]
    shaped = (
        [Fraction(1, size)] * size
        if size < 3
        else [Fraction(2, 5), *[Fraction(1, 5) / (size - 2)] * (size - 2), Fraction(2, 5)]
    )
    roles = list(one)
    named = [i for i, touch in enumerate(path) if touch.is_identifying and is_known]
    holders = [0, size - 1, *named]
    for index in holders:
        roles[index] += ROLE_SHARE
    rest = [i for i in range(size) if i not in holders]
    for index in rest:
        roles[index] += REST_SHARE / len(rest)
    days = [(path[-1].at - touch.at).total_seconds() / 86400 for touch in path]
    weights = [2 ** (-day / half_life) for day in days]
    count = Counter(touch.channel for touch in path)
    total = sum(effects[touch.channel] for touch in path)
    return {
        "first": only(0),
        "last": only(size - 1),
        "last_non_direct": only(non_direct[-1] if non_direct else size - 1),
        "linear": [Fraction(1, size)] * size,
        "u_shaped": shaped,
        "w_shaped": [share / sum(roles) for share in roles],
        "time_decay": [weight / sum(weights) for weight in weights],
        "markov": [effects[touch.channel] / total for touch in path],
        "shapley": [Fraction(1, len(count) * count[touch.channel]) for touch in path],
    }


def shares_in_cents(total: Decimal, parts: list[Fraction | float]) -> list[int]:
    """Rounded running totals and their differences; half away from zero; the last one closes."""
    cents = int(total * 100)
    running, before, shares = Fraction(0), 0, []
    for index, credit in enumerate(parts):
        running += Fraction(credit)
        value = cents * running
        if not all(isinstance(share, Fraction) for share in parts):
            value = Fraction(round(float(value), 6)).limit_denominator(10**6)
        rounded = floor(abs(value) + Fraction(1, 2)) * (1 if value >= 0 else -1)
        now = cents if index == len(parts) - 1 else rounded
        shares.append(now - before)
        before = now
    return shares


@dataclass
class Journey:
    """The touches of one sale, none perhaps, or of one loss: then ``order`` is None."""

    touches: list[Touch]
    order: dict[str, Any] | None = None

    @property
    def person(self) -> tuple[str, str]:
        who = self.order or {
            "customer_id": self.touches[0].customer,
            "visitor_id": self.touches[0].visitor,
        }
        for column in ("customer_id", "visitor_id", "order_id"):
            if who[column]:
                return column, who[column]
        raise AssertionError("a lost journey of nobody")


def journeys_of(
    orders: list[dict[str, Any]],
    touches: list[Touch],
    lookback: timedelta,
    longest: int,
    end: datetime,
) -> list[Journey]:
    """Every journey to a sale, and every lost one that is closed."""
    sales = [order for order in orders if order["is_sale"]]
    found = [Journey(path_of(sale, touches, lookback, longest), sale) for sale in sales]
    used = {touch.touchpoint_id for sale in sales for touch in window_of(sale, touches, lookback)}
    people: dict[tuple[str | None, str | None], list[Touch]] = defaultdict(list)
    for touch in touches:
        if touch.touchpoint_id not in used and (touch.customer or touch.visitor):
            people[touch.customer, None if touch.customer else touch.visitor].append(touch)
    for lost in people.values():
        ordered = sorted(lost, key=lambda t: (t.at, t.touchpoint_id))
        mine: list[Journey] = []
        for touch in ordered:
            if not mine or touch.at - mine[-1].touches[-1].at > lookback:
                mine.append(Journey([]))
            mine[-1].touches.append(touch)
        found += [journey for journey in mine if journey.touches[-1].at + lookback < end]
    return found


def transitions_of(journeys: list[Journey]) -> Counter[tuple[str, str]]:
    """Moves between channels, from the start of each journey to its end."""
    moves: Counter[tuple[str, str]] = Counter()
    for journey in journeys:
        if journey.touches:
            ending = "(sale)" if journey.order else "(loss)"
            channels = [touch.channel for touch in journey.touches]
            moves.update(pairwise(["(start)", *channels, ending]))
    return moves


STEPS = ("(start)", "product_view", "add_to_cart", "checkout_started", "(order)")


def site_moves_of(sessions: list[Session]) -> Counter[tuple[str, str]]:
    """Moves between the shop's steps; a later step takes those before it along."""
    moves: Counter[tuple[str, str]] = Counter()
    for session in sessions:
        names = {event["event_name"].replace("order_placed", "(order)") for event in session.events}
        furthest = max(index for index, step in enumerate(STEPS) if index == 0 or step in names)
        moves.update(pairwise(STEPS[: furthest + 1]))
        if furthest < len(STEPS) - 1:
            moves[STEPS[furthest], "(exit)"] += 1
    return moves


def drop_offs_of(
    moves: Counter[tuple[str, str]],
) -> dict[tuple[str, str], tuple[int, float, float]]:
    """Each move with its number, its share of those that leave its state, and the share lost."""
    leaving, lost = Counter[str](), Counter[str]()
    for (origin, target), number in moves.items():
        leaving[origin] += number
        lost[origin] += number if target in ("(loss)", "(exit)") else 0
    return {
        move: (number, number / leaving[move[0]], lost[move[0]] / leaving[move[0]])
        for move, number in moves.items()
    }


def spellings_of(channels: list[str]) -> dict[str, str]:
    """The path of a journey in each of its four ways."""
    once = list(dict.fromkeys(channels))
    ways = {
        "unique": channels,
        "exposure": [name for name, _ in groupby(channels)],
        "first": once,
        "frequency": [f"{name}({channels.count(name)})" for name in once],
    }
    return {way: " > ".join(names) or "(none)" for way, names in ways.items()}


def spread_of(path: list[Touch], credit: dict[str, list[Fraction | float]]) -> float:
    """The largest difference that a channel's credit for the sale shows between two models."""
    differences = [0.0]
    for channel in {touch.channel for touch in path}:
        sums = [
            float(sum(s for s, t in zip(shares, path, strict=True) if t.channel == channel))
            for shares in credit.values()
        ]
        differences.append(max(sums) - min(sums))
    return max(differences)
