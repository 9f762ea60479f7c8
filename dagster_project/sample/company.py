"""Writing a whole company: chunk after chunk of people, then what sums over all of them."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from dagster_project.errors import UsageError
from dagster_project.sample import rates
from dagster_project.sample.columns import NONE, blank, cat, day, fixed, flag, money, number, pick
from dagster_project.sample.consent import make_consents, write_consents
from dagster_project.sample.draw import DAY, generator
from dagster_project.sample.feedback import write_reviews, write_social, write_surveys
from dagster_project.sample.journeys import (
    Sessions,
    make_sessions,
    write_events,
    write_order_touches,
)
from dagster_project.sample.layout import Files
from dagster_project.sample.loyalty import write_loyalty
from dagster_project.sample.marketing import (
    write_deals,
    write_erasures,
    write_experiment_truth,
    write_experiments,
)
from dagster_project.sample.messaging import write_messages
from dagster_project.sample.orders import make_orders, write_orders
from dagster_project.sample.people import FIRST, LAST, People, make_people
from dagster_project.sample.purchases import (
    CALLS,
    CHANNELS,
    EMAIL,
    SMS,
    Purchases,
    Touches,
    failed_touches,
    simulate_purchases,
)
from dagster_project.sample.records import (
    Accounts,
    Keys,
    plan_accounts,
    plan_contacts,
    write_accounts,
    write_contacts,
)
from dagster_project.sample.service import make_calls, write_calls, write_tickets
from dagster_project.sample.world import (
    BRANDS,
    CATEGORIES,
    DELIVERY,
    DELIVERY_PRICE,
    World,
    make_world,
)
from dagster_project.settings import PROJECT_ROOT

END_DATE = date(2026, 6, 30)

# People are simulated so many at a time: memory depends on this and not on the whole number. The
# text depends on it too (each chunk has its own random streams), so it is not a setting.
CHUNK = 20_000

_COST_PER_CLICK = {"paid_search": 62, "paid_social": 48, "display": 21, "affiliates": 55}
_SHOWN_PER_CLICK = {"paid_search": 22, "paid_social": 90, "display": 400, "affiliates": 15}

# What SAMPLE_DIR holds: the company that a newcomer's first run reads.
SAMPLE_DIR = PROJECT_ROOT / "data" / "sample"
COMMITTED = {"customers": 2_000, "months": 24, "seed": 1}


def write_company(
    out: Path,
    *,
    customers: int,
    months: int,
    seed: int,
    progress: Callable[[str], None] | None = None,
    end: date = END_DATE,
) -> None:
    """Write the extracts of a simulated company and the truth about it.

    ``customers`` people (real persons, leads included) over ``months`` calendar months that end
    with ``end``; files ``<out>/landing/<system>/<table>.csv.gz`` for every table of the contract
    and ``<out>/truth/*.csv.gz``. Equal arguments give equal text. Existing files are replaced.
    ``progress`` is called with a line per chunk. Raises UsageError for numbers that make no
    company.
    """
    if customers < 1 or not 1 <= months <= 240 or seed < 0:
        raise UsageError(
            "A company needs at least 1 customer, 1 to 240 months and a seed not below 0; asked "
            f"for were {customers} customers, {months} months and seed {seed}."
        )
    world = make_world(end, months)
    keys = Keys()
    sums = _Sums(world)
    with Files(out) as files:
        for chunk, base in enumerate(range(0, customers, CHUNK)):
            size = min(CHUNK, customers - base)
            _write_chunk(files, world, seed, chunk, keys, sums, base, size)
            if progress is not None:
                progress(f"{base + size:,} of {customers:,} people")
        _write_goods(files, world, seed)
        _write_marketing(files, world, seed, sums)
        _write_rates(files, world, seed)
        _write_truth_tables(files, world, sums)
        _write_defects(files)


class _Sums:
    """What is counted over all chunks: visits per day and campaign, touches per channel."""

    def __init__(self, world: World) -> None:
        self.visits = np.zeros((world.calendar.days, len(world.campaigns.ids)), dtype=np.int64)
        self.failed = np.zeros(len(CHANNELS), dtype=np.int64)
        self.caused = np.zeros(len(CHANNELS), dtype=np.int64)
        self.others = np.zeros(len(CHANNELS), dtype=np.int64)

    def add(self, world: World, purchases: Purchases, touches: Touches, sessions: Sessions) -> None:
        count = len(CHANNELS)
        self.failed += np.bincount(touches.channel[touches.is_effective], minlength=count)
        repeat = (purchases.rank > 0) & (purchases.cause >= 0)
        self.caused += np.bincount(purchases.cause[repeat], minlength=count)
        self.others += np.bincount(sessions.channel, minlength=count)
        paid = sessions.campaign >= 0
        days = sessions.start[paid] // DAY - world.calendar.start_day
        np.add.at(self.visits, (days, sessions.campaign[paid]), 1)


def _write_chunk(
    files: Files, world: World, seed: int, chunk: int, keys: Keys, sums: _Sums, base: int, size: int
) -> None:
    calendar = world.calendar
    people = make_people(calendar, seed, chunk, base, size)
    purchases = simulate_purchases(calendar, seed, chunk, people)
    touches = failed_touches(calendar, seed, chunk, people, purchases)
    accounts = plan_accounts(calendar, seed, chunk, keys, people, purchases)
    contacts = plan_contacts(calendar, seed, chunk, keys, people, purchases, accounts)
    orders = make_orders(world, seed, chunk, keys, people, purchases, accounts)
    sessions = make_sessions(world, seed, chunk, keys, people, accounts, orders, touches)
    calls = make_calls(world, seed, chunk, keys, people, orders, touches)
    sums.add(world, purchases, touches, sessions)
    by_message = (sessions.person >= 0) & np.isin(sessions.channel, (EMAIL, SMS))
    by_call = calls.direction == 1
    marketing = (
        np.r_[sessions.person[by_message], calls.person[by_call]],
        np.r_[sessions.start[by_message], calls.start[by_call]],
        np.r_[sessions.channel[by_message], np.full(int(by_call.sum()), CALLS)],
    )
    consents = make_consents(
        world, seed, chunk, people, purchases, touches, marketing, contacts, accounts
    )
    write_contacts(files, calendar, seed, chunk, people, contacts, purchases)
    write_accounts(files, calendar, seed, chunk, people, accounts)
    write_orders(files, world, seed, chunk, keys, people, accounts, orders)
    write_events(files, world, seed, chunk, people, accounts, orders, sessions)
    write_consents(files, seed, chunk, people, contacts, consents)
    write_messages(files, world, seed, chunk, keys, people, accounts, contacts, consents, sessions)
    write_calls(files, world, seed, chunk, people, contacts, calls)
    tickets = write_tickets(files, world, seed, chunk, keys, people, accounts, contacts, orders)
    write_surveys(
        files, world, seed, chunk, keys, people, contacts, purchases, orders, calls, tickets
    )
    write_reviews(files, world, seed, chunk, keys, people, accounts, orders)
    write_social(files, world, seed, chunk, keys, people, accounts, contacts)
    write_loyalty(files, world, seed, chunk, keys, people, accounts, orders)
    write_experiments(files, world, seed, chunk, people, accounts, contacts, orders, sessions)
    write_deals(files, world, seed, chunk, keys, people, contacts)
    write_erasures(files, world, seed, chunk, keys, people, accounts, contacts)
    cause = calls.causes >= 0
    write_order_touches(
        files,
        people,
        orders,
        sessions,
        {"order": calls.causes[cause], "number": calls.number[cause], "time": calls.start[cause]},
    )
    _write_people(files, world, people, purchases, accounts)


def _write_people(
    files: Files, world: World, people: People, purchases: Purchases, accounts: Accounts
) -> None:
    end = world.calendar.end
    bought = np.bincount(purchases.person, minlength=people.size)
    first = np.where(purchases.first_time < end, purchases.first_time // DAY, NONE)
    family = np.where(people.family >= 0, people.family + people.base, NONE)
    company = np.where(people.company >= 0, people.company * 2 + people.is_russian, NONE)
    company = np.where(company == NONE, NONE, company + people.base * 1000)
    never = ~people.is_buyer
    files.write(
        "persons",
        {
            "person_id": people.ids,
            "script": pick(["latin", "cyrillic"], people.is_russian.astype(np.int64)),
            "gender": pick(["f", "m"], people.kind % 2),
            "first_name": pick(FIRST, people.first),
            "last_name": pick(LAST, people.last),
            "birth_date": day(people.birth_day),
            "family_id": cat("F", number(family, 7)),
            "shares_family_phone": flag(people.family_phone != NONE),
            "is_twin": flag(people.is_twin),
            "has_namesake_relative": flag(people.is_namesake),
            "company_id": cat("B", number(company)),
            "uses_company_mailbox": flag(people.uses_mailbox),
            "changed_email": flag(people.email_changed_at < end),
            "changed_phone": flag(people.phone_changed_at < end),
            "changed_surname": flag(people.former_last >= 0),
            "has_account": flag(accounts.of_person >= 0),
            "has_card": flag(people.card != NONE),
            "is_buyer": flag(people.is_buyer),
            "purchase_rate_per_week": blank(fixed(people.purchase_rate, 9), never),
            "dropout_probability": blank(fixed(people.dropout, 9), never),
            "is_alive_at_end": blank(flag(purchases.alive), never),
            "first_purchase_date": day(first),
            "purchases": bought,
            "mean_order_value": blank(fixed(people.mean_value, 4), never),
            "satisfaction": fixed(people.satisfaction, 3),
        },
    )


def _write_goods(files: Files, world: World, seed: int) -> None:
    goods = world.products
    rng = generator(seed, 0, "goods")
    n = len(goods.ids)
    opened = world.calendar.start_day
    gone = np.where(np.arange(n) % 37 == 5, world.calendar.end_day - 20, NONE)
    row: dict[str, str] = {
        "product_id": DELIVERY,
        "name": "Express delivery",
        "category": "Delivery",
    }
    row |= {"is_service": "true", "unit_cost": "3.20", "list_price": f"{DELIVERY_PRICE / 100:.2f}"}
    start = f"{date.fromordinal(opened + date(1970, 1, 1).toordinal() - 30)} 00:00:00"
    files.write(
        "shop/products",
        {
            "product_id": pa.array(goods.ids),
            "name": pa.array(goods.names),
            "category": pick([c for c, _ in CATEGORIES], goods.category),
            "brand": pick(BRANDS, goods.brand),
            "is_service": "false",
            "unit_cost": money(np.where(goods.cost == 0, NONE, goods.cost)),
            "list_price": money(goods.price),
            "stock_on_hand": rng.integers(0, 400, n),
            "launched_at": start,
            "discontinued_at": cat(day(gone), " 00:00:00"),
            "updated_at": start,
        },
    )
    files.write("shop/products", row | {"launched_at": start, "updated_at": start}, 1)


def _write_marketing(files: Files, world: World, seed: int, sums: _Sums) -> None:
    table = world.campaigns
    files.write(
        "marketing/campaigns",
        {
            "campaign_id": pa.array(table.ids),
            "name": pa.array(table.names),
            "channel": pa.array(table.channels),
            "starts_on": day(np.array(table.starts)),
            "ends_on": day(np.array(table.ends)),
            "budget": money(np.array(table.budgets) * 100),
        },
    )
    rng = generator(seed, 0, "spend")
    paid = np.array([c in _COST_PER_CLICK for c in table.channels])
    starts, ends = np.array(table.starts), np.array(table.ends)
    days = np.arange(world.calendar.days) + world.calendar.start_day
    running = paid & (days[:, None] >= starts) & (days[:, None] <= ends)
    at, campaign = np.nonzero(running)
    # Ad platforms count more clicks than the shop sees sessions.
    visits = sums.visits[at, campaign]
    clicks = visits + (visits * rng.integers(0, 40, len(at)) + 50) // 100
    channel = [table.channels[c] for c in campaign]
    price = np.array([_COST_PER_CLICK[c] for c in channel], dtype=np.int64)
    shown = np.array([_SHOWN_PER_CLICK[c] for c in channel], dtype=np.int64)
    cost = clicks * price * rng.integers(80, 121, len(at)) // 100
    files.write(
        "marketing/ad_spend",
        {
            "spend_date": day(days[at]),
            "channel": pa.array(channel, pa.string()),
            "campaign_id": pick(table.ids, campaign),
            "cost": money(cost),
            "currency": "GBP",
            "impressions": (clicks * 100 + rng.integers(0, 100, len(at))) * shown // 100,
            "clicks": clicks,
        },
    )
    n = len(world.agents)
    files.write(
        "call_center/agents",
        {
            "agent_id": pa.array([a[0] for a in world.agents]),
            "name": pa.array([a[1] for a in world.agents]),
            "team": pa.array([a[2] for a in world.agents]),
            "hired_on": day(np.array([a[3] for a in world.agents])),
        },
        n,
    )


def _write_rates(files: Files, world: World, seed: int) -> None:
    """Rates to the pound, Monday to Friday; a random walk in millionths."""
    rng = generator(seed, 0, "rates")
    days = np.arange(world.calendar.days) + world.calendar.start_day
    weekday = (days + 3) % 7 < 5
    for currency, start in (("EUR", 847_000), ("USD", 786_000), ("RUB", 9_100)):
        steps = rng.integers(-start // 300, start // 300 + 1, len(days))
        walk = np.maximum(start + np.cumsum(steps), start // 2)
        chosen = walk[weekday]
        files.write(
            "shop/exchange_rates",
            {
                "rate_date": day(days[weekday]),
                "from_currency": currency,
                "to_currency": "GBP",
                "rate": cat(number(chosen // 1_000_000), ".", number(chosen % 1_000_000, 6)),
            },
        )


def _write_truth_tables(files: Files, world: World, sums: _Sums) -> None:
    calendar = world.calendar
    weight = calendar.weight
    files.write(
        "season",
        {
            "day": day(np.arange(calendar.days) + calendar.start_day),
            "multiplier": cat(number(weight // 10_000), ".", number(weight % 10_000, 4)),
        },
    )
    for at, channel in enumerate(CHANNELS):
        effect = rates.CHANNEL_EFFECTS.get(channel)
        failed, caused = int(sums.failed[at]), int(sums.caused[at])
        total = failed + caused if effect else 0
        columns = {
            "channel": channel,
            "incremental_probability": f"{effect.incremental if effect else 0:.3f}",
            "effective_touches": str(total),
            "caused_orders": str(caused if effect else 0),
            "realised_probability": f"{caused / total if total else 0:.6f}",
            "other_sessions": str(max(int(sums.others[at]) - total, 0)),
        }
        files.write("channel_effects", columns, 1)
    parameters = (
        ("bgnbd_r", rates.BGNBD_R, "", "shape of the purchase rates' gamma distribution"),
        ("bgnbd_alpha", rates.BGNBD_ALPHA, "weeks", "rate of that gamma distribution"),
        ("bgnbd_a", rates.BGNBD_A, "", "first parameter of the dropout's beta distribution"),
        ("bgnbd_b", rates.BGNBD_B, "", "second parameter of that beta distribution"),
        ("gamma_gamma_p", rates.SPEND_P, "", "shape of one person's order values"),
        ("gamma_gamma_q", rates.SPEND_Q, "", "shape of the rates among people"),
        ("gamma_gamma_gamma", rates.SPEND_GAMMA, "GBP", "rate of that distribution"),
    )
    for name, value, unit, meaning in parameters:
        row = {"name": name, "value": str(value), "unit": unit, "meaning": meaning}
        files.write("parameters", row, 1)
    write_experiment_truth(files)
    for name, entry in rates.RATES.items():
        row = {"name": name, "rate": str(entry.rate)}
        files.write(
            "error_rates",
            row
            | {"applies_to": pa.array([entry.applies_to]), "meaning": pa.array([entry.meaning])},
            1,
        )


def _write_defects(files: Files) -> None:
    """The rows that loading must refuse: rates.QUARANTINED_ROWS of them, in every company."""
    files.write(
        "shop/orders",
        {
            "order_id": "O-UNKNOWN-STATUS",
            "ordered_at": "2026-06-15 10:00:00",
            "status": "on_hold_by_warehouse",
            "currency": "GBP",
            "total_amount": "42.00",
            "sales_channel": "web",
        },
        1,
    )
    files.write(
        "crm/contacts",
        {"created_at": "2026-06-15 10:00:00", "first_name": "No", "last_name": "Key"},
        1,
    )
    files.write(
        "call_center/calls",
        {
            "call_id": "K-NO-DISPOSITION",
            "direction": "inbound",
            "started_at": "2026-06-15 10:00:00",
        },
        1,
    )
