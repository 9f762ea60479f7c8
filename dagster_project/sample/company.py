"""Writing a whole company: chunk after chunk of people, then what sums over all of them."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

from dagster_project.errors import UsageError, counted
from dagster_project.sample.columns import NONE, blank, cat, day, fixed, flag, number, pick
from dagster_project.sample.consent import make_consents, write_consents
from dagster_project.sample.draw import DAY
from dagster_project.sample.events import write_events, write_order_touches
from dagster_project.sample.feedback import write_reviews, write_social, write_surveys
from dagster_project.sample.journeys import make_sessions
from dagster_project.sample.layout import Files
from dagster_project.sample.loyalty import write_loyalty
from dagster_project.sample.marketing import (
    write_deals,
    write_erasures,
    write_experiments,
)
from dagster_project.sample.messaging import write_messages
from dagster_project.sample.orders import make_orders, write_orders
from dagster_project.sample.people import FIRST, LAST, People, make_people
from dagster_project.sample.purchases import (
    CALLS,
    EMAIL,
    SMS,
    Purchases,
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
from dagster_project.sample.totals import Sums, write_totals
from dagster_project.sample.world import (
    World,
    make_world,
)
from dagster_project.settings import PROJECT_ROOT

END_DATE = date(2026, 6, 30)

# People are simulated so many at a time: memory depends on this and not on the whole number. The
# text depends on it too (each chunk has its own random streams), so it is not a setting.
CHUNK = 20_000

# What SAMPLE_DIR holds: the company that a newcomer's first run reads.
SAMPLE_DIR = PROJECT_ROOT / "data" / "sample"
COMMITTED = {"customers": 2_000, "months": 24, "seed": 7}


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
    sums = Sums(world)
    with Files(out) as files:
        for chunk, base in enumerate(range(0, customers, CHUNK)):
            size = min(CHUNK, customers - base)
            _write_chunk(files, world, seed, chunk, keys, sums, base, size)
            if progress is not None:
                progress(f"{base + size:,} of {counted(customers, 'person', 'people')}")
        write_totals(files, world, seed, sums)


def _write_chunk(
    files: Files, world: World, seed: int, chunk: int, keys: Keys, sums: Sums, base: int, size: int
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
