"""What all people of the company meet: the calendar with its season, goods, campaigns, agents."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from dagster_project.sample import names_en, names_ru
from dagster_project.sample.draw import DAY
from dagster_project.sample.rates import MONTH_SEASON, WEEKDAY_SEASON

EPOCH = date(1970, 1, 1)

CATEGORIES = (
    ("Kitchen", "Teaspoon set,Oven mitt,Chopping board,Mixing bowl,Kettle,Frying pan,Knife block"),
    ("Lighting", "Night light,Candle holder,Lantern,Desk lamp,Table lamp,Floor lamp,Chandelier"),
    ("Garden", "Seed box,Plant pot,Watering can,Bird table,Garden chair,Fire bowl,Garden bench"),
    ("Storage", "Jar,Basket,Wall hook set,Storage box,Coat rack,Shelf,Chest of drawers"),
    ("Textiles", "Napkin set,Cushion cover,Tea towel set,Throw,Curtain pair,Rug,Quilt"),
    ("Office", "Notebook,Pen holder,Desk tidy,Wall clock,Monitor stand,Office chair,Writing desk"),
    ("Bath", "Soap dish,Hand towel,Bath mat,Mirror,Towel rail,Bath cabinet,Vanity unit"),
    ("Toys", "Puzzle,Wooden car,Board game,Doll's pram,Play tent,Train set,Doll's house"),
)
BRANDS = ("Alder & Ash", "Brightside", "Corvid", "Домашний", "Elmwood", "Северный Дом")
SIZES = ("small", "large")
DELIVERY = "SRV-DELIVERY"
DELIVERY_PRICE = 599

# Campaigns of each quarter: channel, how its ids begin, name, budget in pounds (0: by its spend).
QUARTERLY = {
    "paid_social": ("soc", "Social prospecting", 0),
    "sms": ("sms", "SMS offer", 300),
    "call_center": ("call", "Win-back calls", 900),
    "push": ("push", "App push", 50),
    "messenger": ("msg", "Messenger offer", 80),
}

TEAMS = ("Sales", "Service", "Complaints", "Русская линия")


@dataclass(frozen=True)
class Calendar:
    """The days of the company; days count from 1970, times are seconds from 1970 in UTC.

    The seasonal clock advances by ``weight[d]`` units a day (10,000 on an average one): purchases
    come at an even rate on it.
    """

    start_day: int
    end_day: int
    weight: np.ndarray
    clock: np.ndarray

    WEEK = 70_000

    @property
    def start(self) -> int:
        """First second."""
        return self.start_day * DAY

    @property
    def end(self) -> int:
        """First second after the last day."""
        return (self.end_day + 1) * DAY

    @property
    def days(self) -> int:
        return self.end_day - self.start_day + 1

    @property
    def length(self) -> int:
        """Units of the seasonal clock in all."""
        return int(self.clock[-1])

    def to_clock(self, seconds: np.ndarray) -> np.ndarray:
        """Times as units of the seasonal clock."""
        at = np.clip(seconds // DAY - self.start_day, 0, self.days - 1)
        return self.clock[at] + self.weight[at] * ((seconds - (at + self.start_day) * DAY) / DAY)

    def from_clock(self, units: np.ndarray) -> np.ndarray:
        """The times (int64) at which the seasonal clock shows the given units."""
        at = np.clip(np.searchsorted(self.clock, units, side="right") - 1, 0, self.days - 1)
        inside = np.floor((units - self.clock[at]) * DAY / self.weight[at]).astype(np.int64)
        return (at + self.start_day) * DAY + np.clip(inside, 0, DAY - 1)


@dataclass
class Campaigns:
    """Campaigns in the order of their ids' creation; ``by_month`` etc. give indices into them."""

    ids: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    budgets: list[int] = field(default_factory=list)

    def add(self, key: str, name: str, channel: str, days: tuple[int, int], budget: int) -> int:
        self.ids.append(key)
        self.names.append(name)
        self.channels.append(channel)
        self.starts.append(days[0])
        self.ends.append(days[1])
        self.budgets.append(budget)
        return len(self.ids) - 1


@dataclass(frozen=True)
class Products:
    """Goods, sorted by category and then by price; prices in pence. ``cost`` 0 is unknown."""

    ids: list[str]
    names: list[str]
    category: np.ndarray
    brand: np.ndarray
    price: np.ndarray
    cost: np.ndarray
    per_category: int


@dataclass(frozen=True)
class World:
    """Everything that does not depend on the people."""

    calendar: Calendar
    products: Products
    campaigns: Campaigns
    month_of_day: np.ndarray
    newsletter: np.ndarray
    newsletter_sent: np.ndarray
    quarterly: dict[str, np.ndarray]
    always: dict[str, int]
    agents: list[tuple[str, str, str, int]]


def make_world(end: date, months: int) -> World:
    """The company whose last day is ``end`` and that opened ``months`` calendar months before.

    The first day is the first of the month ``months - 1`` before that of ``end``.
    """
    index = end.year * 12 + end.month - months
    start = date(index // 12, index % 12 + 1, 1)
    days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
    weight = np.array([MONTH_SEASON[d.month - 1] * WEEKDAY_SEASON[d.weekday()] for d in days])
    calendar = Calendar(
        start_day=(start - EPOCH).days,
        end_day=(end - EPOCH).days,
        weight=weight,
        clock=np.r_[0, np.cumsum(weight)],
    )
    return _campaigns(calendar, days)


def _campaigns(calendar: Calendar, days: list[date]) -> World:
    table = Campaigns()
    whole = (calendar.start_day, calendar.end_day)
    always = {
        key: table.add(key, name, channel, whole, budget * calendar.days // 30)
        for key, name, channel, budget in (
            ("ps-brand", "Search: own brand", "paid_search", 0),
            ("ps-generic", "Search: generic terms", "paid_search", 0),
            ("aff-partners", "Affiliate partners", "affiliates", 0),
            ("disp-retargeting", "Display retargeting", "display", 0),
            ("em-auto", "Automatic e-mails: welcome, abandoned cart", "email", 50),
        )
    }
    months = sorted({(d.year, d.month) for d in days})
    month_of_day = np.array([months.index((d.year, d.month)) for d in days])
    newsletter: list[int] = []
    sent: list[int] = []
    quarterly: dict[str, list[int]] = {c: [] for c in QUARTERLY}
    quarters: dict[tuple[int, int], dict[str, int]] = {}
    for at, (year, month) in enumerate(months):
        inside = np.flatnonzero(month_of_day == at) + calendar.start_day
        key = f"em-{year}-{month:02d}"
        span = (int(inside[0]), int(inside[-1]))
        newsletter.append(table.add(key, f"Newsletter {month:02d}/{year}", "email", span, 200))
        sent.append((int(inside[min(8, len(inside) - 1)])) * DAY + 9 * 3600)
        quarter = (year, (month - 1) // 3 + 1)
        if quarter not in quarters:
            days_in = [
                n + calendar.start_day
                for n, d in enumerate(days)
                if (d.year, (d.month - 1) // 3 + 1) == quarter
            ]
            span = (days_in[0], days_in[-1])
            tag = f"{quarter[0]}q{quarter[1]}"
            quarters[quarter] = {
                channel: table.add(f"{short}-{tag}", f"{name} {tag}", channel, span, budget)
                for channel, (short, name, budget) in QUARTERLY.items()
            }
        for channel, index in quarters[quarter].items():
            quarterly[channel].append(index)
    return World(
        calendar=calendar,
        products=_products(),
        campaigns=table,
        month_of_day=month_of_day,
        newsletter=np.array(newsletter),
        newsletter_sent=np.array(sent),
        quarterly={channel: np.array(index) for channel, index in quarterly.items()},
        always=always,
        agents=_agents(calendar),
    )


def _products() -> Products:
    ids, names, category, brand, price, cost = [], [], [], [], [], []
    for c, (label, goods) in enumerate(CATEGORIES):
        items = [f"{item}, {size}" for item in goods.split(",") for size in SIZES]
        for rank, item in enumerate(items):
            number = c * len(items) + rank
            pence = 399 + 110 * rank * (rank + 1) * (20 + c) // 20
            pence = pence // 100 * 100 + 99
            ids.append(f"P-{c + 1}{rank + 1:02d}")
            names.append(f"{label}: {item}")
            category.append(c)
            brand.append(number * 7 % len(BRANDS))
            price.append(pence)
            # Net of 20% tax, 42% to 60% of the price; two suppliers did not tell their cost.
            cost.append(0 if number in (17, 71) else pence * (42 + number * 11 % 19) // 120)
    return Products(
        ids=ids,
        names=names,
        category=np.array(category),
        brand=np.array(brand),
        price=np.array(price),
        cost=np.array(cost),
        per_category=len(ids) // len(CATEGORIES),
    )


def _agents(calendar: Calendar) -> list[tuple[str, str, str, int]]:
    agents = []
    for n in range(24):
        team = TEAMS[n % len(TEAMS)]
        if team == TEAMS[3]:
            name = f"{names_ru.FEMALE[n]} {names_ru.LAST_FEMALE[n * 5]}"
        else:
            name = f"{names_en.FEMALE[n * 3]} {names_en.LAST[n * 7]}"
        hired = calendar.start_day - 30 * (n % 9) - 5
        agents.append((f"AG-{n + 1:02d}", name, team, hired))
    return agents
