"""Segments, stages, tiers and predictions in the marts against loops, on random small companies."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from tests.integration.dbt_core import naive_segments as naive
from tests.integration.dbt_core.company import Company, Rows, belongs, delivered
from tests.integration.dbt_core.conftest import Warehouse
from tests.integration.dbt_core.naive import Oracle, Order, rounded
from tests.integration.dbt_core.random_company import random_company
from tests.soak import COMPANIES

MARTS = ("customers", "customer_value", "customer_segments", "segment_migrations")
PREDICTED = (
    "p_alive",
    "expected_orders_12m",
    "predicted_12m_value",
    "churn_probability",
    "repurchase_probability",
    "next_order_expected_date",
)


def profiled_company(seed: int) -> Company:
    """A random shop whose customers also have birth dates, consents, reasons and predictions.

    Seeds divisible by 3 have many customers who buy often, so that bands have gaps of their own.
    """
    draw = random.Random(seed)
    company = random_company(seed)
    # Reasons are told at noon: the day of as_of ends where the business is.
    company["control.parameters"][0]["time_zone"] = draw.choice(["UTC", "Europe/Berlin"])
    if seed % 3 == 0:
        _crowd(company, draw)
    people = [row["customer_id"] for row in company["identity.customers"]]
    contacts: Rows = []
    consents: Rows = []
    for person in people:
        contact = f"k-{person}"
        company["identity.assignments"].append(belongs(person, "contacts", contact, "crm"))
        contacts.append(
            {
                "contact_id": contact,
                "birth_date": draw.choice(
                    [
                        None,
                        date(2006, 6, 12),
                        date(2006, 6, 13),
                        date(1899, 1, 1),
                        date(2030, 1, 1),
                        date(draw.randint(1930, 2010), 2, draw.randint(1, 28)),
                    ]
                ),
                "gender": draw.choice([None, "", " M ", "Female", "ж", "Other"]),
                "region": draw.choice([None, "North"]),
            }
        )
        consents += [
            {
                "contact_id": contact,
                "purpose": draw.choice(["profiling", "profiling", "email"]),
                "status": draw.choice(["granted", "withdrawn"]),
                "effective_at": datetime(2024, 5, draw.randint(1, 3)),
            }
            for _ in range(draw.randint(0, 3))
        ]
    company["crm.contacts"] = delivered(contacts)
    company["crm.consents"] = delivered(consents)
    _declare(company, people, draw)
    buyers = sorted(naive.bought(Oracle(company), date(2024, 6, 12)))
    company["predictions.customer_values"] = [
        {
            "customer_id": buyer,
            **{name: draw.choice([None, draw.random()]) for name in PREDICTED[:-1]},
            "predicted_12m_value": draw.choice([None, Decimal(draw.randint(0, 9999)) / 100]),
            "next_order_expected_date": draw.choice([None, date(2024, 7, draw.randint(1, 30))]),
        }
        for buyer in buyers
    ]
    company["predictions.personas"] = [
        {"customer_id": buyer, "persona": "regulars", "persona_label": "Regulars: buy often"}
        for buyer in buyers
        if draw.random() < 0.7
    ]
    return company


def _crowd(company: Company, draw: random.Random) -> None:
    for number in range(12):
        person, account = f"crowd{number:02}", f"crowd-a{number}"
        company["identity.customers"].append(
            {"customer_id": person, "minted_at": datetime(2024, 6, 13), "record_count": 1}
        )
        company["identity.assignments"].append(belongs(person, "accounts", account))
        company["shop.orders"] += delivered(
            [
                {
                    "order_id": f"crowd-{number}-{k}",
                    "account_id": account,
                    "ordered_at": datetime(2023, 1, 1) + timedelta(days=draw.randint(0, 527)),
                    "status": "paid",
                    "currency": company["control.parameters"][0]["currency"],
                    "total_amount": Decimal(draw.choice([10, 20, 20, 50])),
                    "tax_amount": None,
                    "shipping_amount": None,
                    "updated_at": None,
                }
                for k in range(draw.choice([1, 2, 3, 6, 9]))
            ],
            f"crowd{number}",
        )


def _declare(company: Company, people: list[str], draw: random.Random) -> None:
    """Surveys, calls and tickets, some with a reason; times tie now and then."""

    def statement(number: int) -> tuple[str, datetime, str | None]:
        reason = draw.choice([None, " ", "price", "delivery", "support"])
        return draw.choice(people), datetime(2024, 6, draw.randint(1, 13), 12), reason

    surveys, calls, tickets = [], [], []
    for number in range(draw.randint(0, 8)):
        person, moment, reason = statement(number)
        surveys.append(
            {
                "survey_id": f"s{number}",
                "kind": "nps",
                "score": 5,
                "answered_at": moment,
                "contact_id": f"k-{person}",
                "reason": reason,
            }
        )
    for number in range(draw.randint(0, 8)):
        person, moment, reason = statement(number)
        company["identity.assignments"].append(
            belongs(person, "calls", f"l{number}", "call_center")
        )
        calls.append(
            {
                "call_id": f"l{number}",
                "direction": "inbound",
                "disposition": "answered",
                "started_at": moment,
                "reason": reason,
            }
        )
    for number in range(draw.randint(0, 8)):
        person, moment, reason = statement(number)
        company["identity.assignments"].append(
            belongs(person, "tickets", f"t{number}", "call_center")
        )
        tickets.append(
            {
                "ticket_id": f"t{number}",
                "created_at": moment,
                "reason": reason,
                "csat_score": draw.choice([None, Decimal(4)]),
            }
        )
    company["crm.surveys"] = delivered(surveys)
    company["call_center.calls"] = delivered(calls)
    company["call_center.tickets"] = delivered(tickets)


def owners(company: Company, table: str) -> dict[str, str]:
    return {
        row["source_id"]: row["customer_id"]
        for row in company["identity.assignments"]
        if row["source_table"] == table
    }


def withdrawn(company: Company) -> set[str]:
    """People whose last word on profiling is no; of two words at once, no."""
    found = set()
    for contact, person in owners(company, "contacts").items():
        words = [
            (row["effective_at"], row["status"] == "withdrawn")
            for row in company["crm.consents"]
            if row["contact_id"] == contact and row["purpose"] == "profiling"
        ]
        if words and max(words)[1]:
            found.add(person)
    return found


def reasons(company: Company) -> dict[str, tuple[str, str]]:
    """Each person's last declared reason and where; ties to call, survey, ticket, then by id."""
    said: dict[str, list[tuple[Any, ...]]] = {}
    for table, system, key, moment, word in (
        ("surveys", "crm", "survey_id", "answered_at", "survey"),
        ("calls", "call_center", "call_id", "started_at", "call"),
        ("tickets", "call_center", "ticket_id", "created_at", "ticket"),
    ):
        who = owners(company, "contacts" if table == "surveys" else table)
        for row in company[f"{system}.{table}"]:
            person = who.get(row["contact_id"] if table == "surveys" else row[key])
            day = row[moment].date()
            if row["reason"] and row["reason"].strip() and day <= date(2024, 6, 12):
                age = -(row[moment] - datetime(2024, 1, 1)).total_seconds()
                said.setdefault(person, []).append((age, word, row[key], row["reason"]))
    return {person: (min(found)[3], min(found)[1]) for person, found in said.items()}


def age_band(birth: date | None) -> str | None:
    if birth is None:
        return None
    age = 2024 - birth.year - ((birth.month, birth.day) > (6, 12))
    for low, high, name in (
        (0, 17, "under 18"),
        (18, 24, "18-24"),
        (25, 34, "25-34"),
        (35, 44, "35-44"),
        (45, 54, "45-54"),
        (55, 64, "55-64"),
        (65, 120, "65 and over"),
    ):
        if low <= age <= high:
            return name
    return None


def habits(orders: list[Order], as_of: date) -> tuple[int, int | None, int | None, float | None]:
    """Orders, average value in cents, days since the last, mean days between two."""
    if not orders:
        return (0, None, None, None)
    days = sorted(order.day for order in orders)
    gaps = [(after - before).days for before, after in pairwise(days)]
    average = rounded(Fraction(sum(order.net for order in orders), len(orders)))
    interval = pytest.approx(sum(gaps) / len(gaps)) if gaps else None
    return (len(orders), average, (as_of - days[-1]).days, interval)


def _habits(profile: dict[str, Any]) -> tuple[int, int | None, int | None, float | None]:
    average = profile["average_order_value"]
    return (
        profile["order_count"],
        None if average is None else int(average * 100),
        profile["days_since_last_order"],
        profile["purchase_interval_days"],
    )


GENDERS = {" M ": "male", "Female": "female", "ж": "female", "Other": "other", "": None, None: None}


@pytest.mark.parametrize("seed", COMPANIES)
def test_segments_and_predictions_are_those_of_the_definitions(warehouse: Warehouse, seed: int):
    """A campaign goes to the wrong people, or to somebody who forbade to be profiled."""
    company = profiled_company(seed)
    oracle = Oracle(company)
    warehouse.build(company, until=warehouse.project.with_ancestors(*MARTS))

    customers = naive.bought(oracle, oracle.as_of)
    scored = naive.scores(customers)
    named = naive.segments(customers)
    tier = naive.tiers(customers)
    stage = naive.stages(customers, oracle.as_of)
    hidden = withdrawn(company)
    why = reasons(company)
    values = {row["customer_id"]: row for row in company["predictions.customer_values"]}
    personas = {row["customer_id"]: row for row in company["predictions.personas"]}
    contact = {row["contact_id"]: row for row in company["crm.contacts"]}

    people = {row["customer_id"] for row in company["identity.customers"]}
    segments = {
        row["customer_id"]: row for row in warehouse.rows("select * from marts.customer_segments")
    }
    worth = {
        row["customer_id"]: row for row in warehouse.rows("select * from marts.customer_value")
    }
    profiles = {row["customer_id"]: row for row in warehouse.rows("select * from marts.customers")}
    assert set(segments) == set(worth) == set(profiles) == people
    for person in people:
        row = segments[person]
        assert (row["recency_score"], row["frequency_score"], row["monetary_score"]) == scored.get(
            person, (None, None, None)
        )
        assert row["rfm_segment"] == named.get(person)
        assert row["value_tier"] == tier.get(person)
        assert row["lifecycle_stage"] == stage.get(person, "lead")
        own = contact[f"k-{person}"]
        assert row["age_band"] == age_band(own["birth_date"])
        assert row["gender"] == GENDERS[own["gender"]]
        profile = profiles[person]
        assert (profile["declared_reason"], profile["declared_reason_in"]) == why.get(
            person, (None, None)
        )
        assert _habits(profile) == habits(customers.get(person, []), oracle.as_of)
        known = {} if person in hidden else {**values.get(person, {}), **personas.get(person, {})}
        assert profile["is_profiling_withdrawn"] == (person in hidden)
        assert worth[person]["ltv_to_date"] * 100 == sum(
            order.net for order in customers.get(person, [])
        )
        for name in PREDICTED:
            assert worth[person][name] == known.get(name), name
            assert profile.get(name, known.get(name)) == known.get(name), name
        assert (row["persona"], row["persona_label"]) == (
            known.get("persona"),
            known.get("persona_label"),
        )
        assert profile["persona"] == known.get("persona")

    moves = warehouse.rows("select * from marts.segment_migrations")
    expected = naive.migrations(oracle)
    assert {
        (row["month"], row["from_segment"], row["to_segment"]): row["customers"] for row in moves
    } == expected
    for row in moves:
        leaving = sum(
            number
            for (month, origin, _), number in expected.items()
            if month == row["month"] and origin == row["from_segment"]
        )
        if row["from_segment"] == "(none)":
            assert row["share_of_from"] is None
        else:
            assert row["share_of_from"] == pytest.approx(row["customers"] / leaving)
        assert row["is_move"] == (row["from_segment"] != row["to_segment"])
