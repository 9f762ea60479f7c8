"""The records that systems keep of people: shop accounts and CRM contacts."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dagster_project.sample import writing
from dagster_project.sample.columns import (
    NONE,
    Text,
    at_rows,
    blank,
    cat,
    flag,
    key,
    number,
    pick,
    stamp,
    where,
)
from dagster_project.sample.draw import DAY, chance, cumulative, exponential, generator, weighted
from dagster_project.sample.layout import Files
from dagster_project.sample.people import People
from dagster_project.sample.purchases import Purchases
from dagster_project.sample.rates import rate
from dagster_project.sample.world import Calendar


@dataclass
class Keys:
    """How many keys of each kind earlier chunks have used."""

    contact: int = 0
    account: int = 0
    order: int = 0
    event: int = 0
    visitor: int = 0
    refund: int = 0
    message: int = 0
    call: int = 0
    ticket: int = 0
    survey: int = 0
    review: int = 0
    points: int = 0
    social: int = 0
    deal: int = 0
    erasure: int = 0


def contact_key(numbers: np.ndarray) -> Text:
    return key("C-", numbers)


def account_key(numbers: np.ndarray) -> Text:
    return key("A-", numbers)


def order_key(numbers: np.ndarray) -> Text:
    return key("O-", numbers, 7)


@dataclass
class Accounts:
    """One element per account; ``of_person`` and ``second_of_person`` point back (-1 none)."""

    person: np.ndarray
    registered_at: np.ndarray
    number: np.ndarray
    of_person: np.ndarray
    second_of_person: np.ndarray

    def at(self, person: np.ndarray, time: np.ndarray) -> np.ndarray:
        """The row of the account that a person uses at that time; -1 before registration."""
        first, second = self.of_person[person], self.second_of_person[person]
        row = np.where(at_rows(self.registered_at, first) <= time, first, -1)
        again = (second >= 0) & (at_rows(self.registered_at, second) <= time)
        return np.where(again, second, row)


@dataclass
class Contacts:
    """One element per CRM contact; ``of_person`` is the row of a person's first one (-1 none)."""

    person: np.ndarray
    created_at: np.ndarray
    number: np.ndarray
    of_person: np.ndarray


def plan_accounts(
    calendar: Calendar, seed: int, chunk: int, keys: Keys, people: People, purchases: Purchases
) -> Accounts:
    """Who has an account, and since when: at the latest since the first purchase."""
    rng = generator(seed, chunk, "accounts")
    size = people.size
    has = chance(rng, size, np.where(people.is_buyer, rate("has_account") + 0.05, 0.55))
    early = np.floor(exponential(rng, size) * 20 * DAY).astype(np.int64) * chance(rng, size, 0.35)
    anyone = calendar.start + rng.integers(0, calendar.end - calendar.start, size)
    when = np.where(people.is_buyer, purchases.first_time - 240 - early, anyone)
    when = np.maximum(when, calendar.start + rng.integers(0, 3600, size))
    # Some buy as guests first and register at a later purchase.
    guest_first = has & people.is_buyer & chance(rng, size, 0.12)
    later = np.full(size, calendar.end)
    second_buy = purchases.rank == 1
    later[purchases.person[second_buy]] = purchases.time[second_buy] - 240
    when = np.where(guest_first, later, when)
    has &= when < calendar.end
    again = has & people.is_buyer & chance(rng, size, rate("second_account"))
    again_at = when + np.floor((0.2 + 0.6 * rng.random(size)) * (calendar.end - when)).astype(int)
    person = np.r_[np.flatnonzero(has), np.flatnonzero(again)]
    registered = np.r_[when[has], again_at[again]]
    second = np.r_[np.zeros(has.sum(), bool), np.ones(again.sum(), bool)]
    order = np.argsort(registered, kind="stable")
    person, registered, second = person[order], registered[order], second[order]
    of_person, second_of_person = np.full(size, -1), np.full(size, -1)
    rows = np.arange(len(person))
    of_person[person[~second]] = rows[~second]
    second_of_person[person[second]] = rows[second]
    numbers = keys.account + 1 + rows
    keys.account += len(rows)
    return Accounts(person, registered, numbers, of_person, second_of_person)


def write_accounts(
    files: Files, calendar: Calendar, seed: int, chunk: int, people: People, accounts: Accounts
) -> None:
    rng = generator(seed, chunk, "account rows")
    who, size = accounts.person, len(accounts.person)
    second = accounts.second_of_person[who] == np.arange(size)
    mail, shared = writing.emails(rng, people, who, accounts.registered_at)
    # A second account needs an address that the shop does not know yet.
    mail = where(second, people.second_email.take(pa.array(who)), mail)
    digits, _ = writing.phone_numbers(rng, people, who, accounts.registered_at)
    bridge = shared | second | (people.email_changed_at[who] < calendar.end)
    digits = np.where(second, people.phone[who], digits)
    unknown = chance(rng, size, rate("no_phone")) & ~bridge
    phone = blank(writing.write_phones(rng, digits), unknown)
    first, _, last = writing.names(rng, people, who, "shop", np.zeros(size, bool))
    place = writing.addresses(people, who)
    no_place = chance(rng, size, 0.15)
    referred = (size > 1) & chance(rng, size, 0.04) & (np.arange(size) > 0)
    referrer = np.floor(rng.random(size) * np.arange(size)).astype(np.int64)
    has_card = (people.card[who] != NONE) & chance(rng, size, 0.93)
    updated = accounts.registered_at + rng.integers(0, 90 * DAY, size)
    files.write(
        "shop/accounts",
        {
            "account_id": account_key(accounts.number),
            "registered_at": stamp(accounts.registered_at),
            "registration_channel": pick(
                ["site", "app", "pos", "qr"], weighted(rng, cumulative([62, 20, 12, 6]), size)
            ),
            "email": mail,
            "phone": phone,
            "first_name": first,
            "last_name": blank(last, chance(rng, size, 0.03)),
            "birth_date": writing.birth_dates(rng, people, who, in_crm=False),
            "gender": blank(pick(["f", "m"], people.kind[who] % 2), chance(rng, size, 0.4)),
            "city": blank(place["city"], no_place),
            "region": blank(place["region"], no_place),
            "postal_code": blank(place["postal_code"], no_place | chance(rng, size, 0.3)),
            "country": place["country"],
            "loyalty_card": blank(writing.cards(rng, people.card[who], in_crm=False), ~has_card),
            "referred_by_account_id": blank(
                account_key(at_rows(accounts.number, referrer)), ~referred
            ),
            "updated_at": stamp(np.minimum(updated, calendar.end - 1)),
        },
    )
    write_truth(files, "shop", "accounts", account_key(accounts.number), people, who)


def plan_contacts(
    calendar: Calendar,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    purchases: Purchases,
    accounts: Accounts,
) -> Contacts:
    """Who is in the CRM, and since when; everybody without an account who does not buy is."""
    rng = generator(seed, chunk, "contacts")
    size = people.size
    needed = ~people.is_buyer & (accounts.of_person < 0)
    has = needed | chance(rng, size, rate("has_contact"))
    again = has & chance(rng, size, rate("second_contact"))
    span = calendar.end - calendar.start
    near = purchases.first_time + rng.integers(-30 * DAY, 30 * DAY, size)
    anyone = calendar.start + rng.integers(0, span, size)
    when = np.clip(np.where(people.is_buyer, near, anyone), calendar.start, calendar.end - 1)
    later = when + np.floor(rng.random(size) * (calendar.end - when)).astype(np.int64)
    person = np.r_[np.flatnonzero(has), np.flatnonzero(again)]
    created = np.r_[when[has], later[again]]
    first = np.r_[np.ones(has.sum(), bool), np.zeros(again.sum(), bool)]
    order = np.argsort(created, kind="stable")
    person, created, first = person[order], created[order], first[order]
    rows = np.arange(len(person))
    of_person = np.full(size, -1)
    of_person[person[first]] = rows[first]
    numbers = keys.contact + 1 + rows
    keys.contact += len(rows)
    return Contacts(person, created, numbers, of_person)


def write_contacts(
    files: Files,
    calendar: Calendar,
    seed: int,
    chunk: int,
    people: People,
    contacts: Contacts,
    purchases: Purchases,
) -> None:
    rng = generator(seed, chunk, "contact rows")
    who, size = contacts.person, len(contacts.person)
    created = contacts.created_at
    first_of_two = contacts.of_person[who] == np.arange(size)
    former = first_of_two & (created < calendar.start + (calendar.end - calendar.start) * 3 // 4)
    first, middle, last = writing.names(rng, people, who, "crm", former)
    mail, shared = writing.emails(rng, people, who, created)
    at_work = ~shared & chance(rng, size, rate("work_email"))
    mail = where(at_work, writing.work_email(people, who), mail)
    digits, of_family = writing.phone_numbers(rng, people, who, created)
    bridge = shared | (people.email_changed_at[who] < calendar.end)
    no_phone = chance(rng, size, rate("no_phone")) & ~bridge
    no_mail = chance(rng, size, rate("no_email")) & ~no_phone & ~of_family
    place = writing.addresses(people, who)
    no_place = chance(rng, size, rate("no_address"))
    referrer = np.floor(rng.random(size) * np.arange(size)).astype(np.int64)
    not_referred = (np.arange(size) == 0) | ~chance(rng, size, 0.03)
    bought = purchases.first_time[who] < calendar.end
    updated = np.minimum(created + rng.integers(0, 120 * DAY, size), calendar.end - 1)
    ids = contact_key(contacts.number)
    files.write(
        "crm/contacts",
        {
            "contact_id": ids,
            "created_at": stamp(created),
            "updated_at": stamp(updated),
            "first_name": blank(first, chance(rng, size, 0.01)),
            "middle_name": middle,
            "last_name": blank(last, chance(rng, size, 0.02)),
            "email": blank(mail, no_mail),
            "phone": blank(writing.write_phones(rng, digits), no_phone),
            "birth_date": writing.birth_dates(rng, people, who, in_crm=True),
            "gender": blank(
                pick(["female", "male"], people.kind[who] % 2), chance(rng, size, 0.25)
            ),
            "street_address": blank(place["street_address"], no_place),
            "city": blank(place["city"], chance(rng, size, 0.08)),
            "region": place["region"],
            "postal_code": blank(place["postal_code"], no_place),
            "country": place["country"],
            "company": writing.company_name(people, who),
            "national_id": writing.national_ids(people, who),
            "loyalty_card": blank(
                writing.cards(rng, people.card[who], in_crm=True),
                (people.card[who] == NONE) | chance(rng, size, 0.35),
            ),
            "lead_source": pick(
                ["website", "phone", "referral", "trade_show", "social", "store"],
                weighted(rng, cumulative([40, 20, 12, 6, 12, 10]), size),
            ),
            "lifecycle_stage": where(
                bought,
                "customer",
                pick(
                    ["lead", "opportunity", "subscriber"],
                    weighted(rng, cumulative([5, 2, 3]), size),
                ),
            ),
            "owner_id": cat("U-", number(1 + rng.integers(0, 8, size), 2)),
            "referred_by_contact_id": blank(
                contact_key(at_rows(contacts.number, referrer)), not_referred
            ),
            "is_deleted": flag(chance(rng, size, 0.008)),
        },
    )
    write_truth(files, "crm", "contacts", ids, people, who)


def write_truth(
    files: Files, system: str, table: str, ids: Text, people: People, who: np.ndarray
) -> None:
    """Tell whose the records of a system are; ``who`` is -1 for nobody known."""
    known = who >= 0
    files.write(
        "records",
        {
            "source_system": system,
            "source_table": table,
            "source_id": ids.filter(pa.array(known)),
            "person_id": people.ids.take(pa.array(who[known])),
        },
    )
