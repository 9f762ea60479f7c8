"""Service and feedback against loops and statsmodels on random small companies."""

import random
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.dbt_core import naive_segments
from tests.integration.dbt_core.company import Company, belongs, delivered, parameters
from tests.integration.dbt_core.conftest import Warehouse
from tests.integration.dbt_core.naive import Oracle
from tests.integration.dbt_core.naive_service import Served, ratio
from tests.soak import COMPANIES

MARTS = (
    *("calls", "feedback"),
    *("service_quality", "service_impact", "churn_reasons", "satisfaction"),
)
REASONS = (None, " ", "Price", "late_delivery", "Не-отвечают", "weather", "delivery", "DELIVERY ")


def serving_company(seed: int) -> Company:
    """A shop with a call centre: people who buy, call, write and answer over a year."""
    draw = random.Random(seed)
    people = [f"c{number}" for number in range(draw.choice([1, 3, 15, 40]))]
    start = datetime(2023, 7, 1)

    def moment(days: int = 349) -> datetime:
        return start + timedelta(minutes=15 * draw.randint(0, days * 96))

    def someone() -> str:
        return draw.choice([*people, "stranger"])

    orders = [
        {
            "order_id": f"o{number}",
            "account_id": f"a-{draw.choice(people)}",
            "ordered_at": moment(),
            "status": draw.choice(["paid", "paid", "completed", "cancelled"]),
            "currency": None,
            "total_amount": Decimal(draw.choice([0, 10, 20, 50])),
            "tax_amount": None,
            "shipping_amount": None,
            "sales_channel": draw.choice([None, "web", "pos"]),
        }
        for number in range(len(people) * draw.randint(0, 5))
    ]
    calls, tickets = [], []
    assignments = [belongs(person, "accounts", f"a-{person}") for person in people]
    assignments += [belongs(person, "contacts", f"k-{person}", "crm") for person in people]
    # Contacts come soon after sales, and after each other, or nothing would ever be compared.
    events = [(row["account_id"][2:], row["ordered_at"]) for row in orders]
    events.append(("stranger", moment()))
    for number in range(draw.choice([0, 10, 60])):
        person, begun = draw.choice(events)
        begun += timedelta(hours=draw.choice([-24, 1, 24, 168, 720, 744]))
        events.append((person, begun))
        disposition = draw.choice(["answered"] * 4 + ["abandoned", "missed", "voicemail"])
        if person != "stranger":
            assignments.append(belongs(person, "calls", f"l{number}", "call_center"))
        calls.append(
            {
                "call_id": f"l{number}",
                "direction": draw.choice(["inbound"] * 4 + ["outbound"]),
                "started_at": begun,
                "answered_at": draw.choice([None, begun + timedelta(seconds=draw.randint(15, 25))]),
                "wait_seconds": draw.choice([None, 5, 9, 10, 20, 21, 60]),
                "talk_seconds": draw.choice([None, 30, 90]),
                "hold_seconds": draw.choice([None, 7]),
                "wrap_up_seconds": draw.choice([None, 11]),
                "queue": draw.choice([None, "sales", "help"]),
                "agent_id": draw.choice([None, "g1", "g2"]),
                "disposition": disposition,
                "reason": draw.choice(REASONS),
                "is_resolved": draw.choice([None, True, True, False]),
            }
        )
    for number in range(draw.choice([0, 5, 20])):
        person, begun = draw.choice(events)
        begun += timedelta(hours=draw.choice([0, 24, 168]))
        if person != "stranger":
            assignments.append(belongs(person, "tickets", f"t{number}", "call_center"))
        tickets.append(
            {
                "ticket_id": f"t{number}",
                "created_at": begun,
                "resolved_at": draw.choice([None, *(begun + timedelta(days=d) for d in (1, 7, 8))]),
                "reason": draw.choice(REASONS),
                "csat_score": draw.choice([None, Decimal(1), Decimal(3), Decimal(5)]),
            }
        )
    surveys = [
        {
            "survey_id": f"s{number}",
            "kind": kind,
            "score": Decimal(draw.randint(0, 10) if kind == "nps" else draw.randint(1, 5)),
            "reason": draw.choice(REASONS),
            "answered_at": moment(),
            "contact_id": f"k-{someone()}",
            "order_id": draw.choice([None, "o0"]),
        }
        for number in range(draw.choice([0, 20]))
        for kind in [draw.choice(["nps", "csat", "ces"])]
    ]
    reviews = [
        {
            "review_id": f"v{number}",
            "account_id": f"a-{someone()}",
            "rating": Decimal(draw.randint(1, 5)),
            "reviewed_at": moment(),
        }
        for number in range(draw.choice([0, 10]))
    ]
    return {
        "control.parameters": parameters(time_zone=draw.choice(["UTC", "America/New_York"])),
        "shop.orders": delivered(orders),
        "shop.order_lines": [],
        "shop.products": [],
        "shop.refunds": [],
        "shop.reviews": delivered(reviews),
        "crm.surveys": delivered(surveys),
        "call_center.calls": delivered(calls),
        "call_center.tickets": delivered(tickets),
        "identity.customers": [
            {"customer_id": person, "minted_at": datetime(2024, 6, 13), "record_count": 1}
            for person in people
        ],
        "identity.assignments": assignments,
    }


def near(expected: float | None) -> Any:
    return None if expected is None else pytest.approx(expected, abs=2e-9)


def answers(served: Served) -> dict[str, tuple]:
    """Feedback id to (customer, kind, day, score, sales channel or call centre)."""
    channel = {row["order_id"]: row["sales_channel"] for row in served.orders.to_dict("records")}
    found = {
        f"survey:{row['survey_id']}": (
            *(row["who"], row["kind"], row["day"], row["score"]),
            channel.get(row["order_id"]),
        )
        for row in served.surveys.to_dict("records")
    }
    for row in served.reviews.to_dict("records"):
        key = f"review:{row['review_id']}"
        found[key] = (row["who"], "review", row["day"], row["rating"], None)
    for row in served.tickets.to_dict("records"):
        day = served.day_of(row["resolved_at"] or row["at"])
        if row["csat_score"] is not None and day <= served.as_of:
            key = f"ticket:{row['ticket_id']}"
            found[key] = (row["who"], "csat", day, row["csat_score"], "call_center")
    return found


def verdict(kind: str, score: Decimal) -> str | None:
    if kind == "ces":
        return None
    good, bad = (score >= 9, score <= 6) if kind == "nps" else (score >= 4, score < 3)
    return "positive" if good else "negative" if bad else "neutral"


def satisfaction(served: Served, segments: dict[str, str]) -> Counter:
    """(month, dimension, value) to answers by kind and verdict, and the sum of ratings."""
    counts: Counter = Counter()
    for who, kind, day, score, where in answers(served).values():
        if kind == "ces":
            continue
        good, bad = (verdict(kind, score) == side for side in ("positive", "negative"))
        for dimension, value in (
            ("all", "all"),
            ("channel", where or "(none)"),
            ("segment", segments.get(who, "(none)")),
        ):
            cell = (day.replace(day=1), dimension, value, kind)
            counts[*cell, "all"] += 1
            counts[*cell, "good"] += good
            counts[*cell, "bad"] += bad
            counts[*cell, "sum"] += score
    return counts


@pytest.mark.parametrize("seed", COMPANIES)
def test_service_is_that_of_the_definitions(warehouse: Warehouse, seed: int):
    """A manager staffs the wrong hours, or believes that calling in makes people buy."""
    company = serving_company(seed)
    warehouse.build(company, until=warehouse.project.with_ancestors(*MARTS))
    served = Served(company)

    quality = {
        (row["call_date"], row["queue"], row["agent_id"]): row
        for row in warehouse.rows("select * from marts.service_quality")
    }
    expected = served.quality()
    assert set(quality) == set(expected)
    for key, columns in expected.items():
        assert {name: quality[key][name] for name in columns} == {
            name: near(value) for name, value in columns.items()
        }, key

    oracle = Oracle(company)
    customers = naive_segments.bought(oracle, oracle.as_of)
    stages = naive_segments.stages(customers, oracle.as_of)
    assert {
        (row["month"], row["declared_in"], row["reason_group"]): (
            row["statements"],
            row["customers"],
            row["lapsed_customers"],
        )
        for row in warehouse.rows("select * from marts.churn_reasons")
    } == served.reasons({name for name, stage in stages.items() if stage == "lapsed"})

    impact = {
        (row["value_band"], row["experience"]): row
        for row in warehouse.rows("select * from marts.service_impact")
    }
    wanted = served.impact()
    assert set(impact) == set(wanted)
    for key, (count, hits, low, high, comparison, gap, gap_low, gap_high) in wanted.items():
        row = impact[key]
        assert (row["customers"], row["repurchased"]) == (count, hits), key
        assert row["repurchase_rate"] == near(hits / count)
        assert (row["rate_low"], row["rate_high"]) == (near(low), near(high)), key
        assert row["comparison_rate"] == near(comparison), key
        assert row["difference"] == near(gap), key
        assert (row["difference_low"], row["difference_high"]) == (near(gap_low), near(gap_high))

    assert {
        row["call_id"]: (row["customer_id"], row["call_date"], row["is_short_abandon"])
        for row in warehouse.rows("select * from marts.calls")
    } == {
        row["call_id"]: (
            row["who"],
            row["day"],
            row["direction"] == "inbound"
            and row["disposition"] == "abandoned"
            and row["wait_seconds"] in (5, 9),
        )
        for row in served.calls.to_dict("records")
    }
    assert {
        row["feedback_id"]: (
            *(row["customer_id"], row["kind"], row["feedback_date"], row["score"]),
            row["score_class"],
        )
        for row in warehouse.rows("select * from marts.feedback")
    } == {
        key: (who, kind, day, score, verdict(kind, score))
        for key, (who, kind, day, score, _) in answers(served).items()
    }

    counts = satisfaction(served, naive_segments.segments(customers))
    rows = warehouse.rows(
        "select * from marts.satisfaction where dimension in ('all', 'channel', 'segment')"
    )
    assert {(row["month"], row["dimension"], row["dimension_value"]) for row in rows} == {
        key[:3] for key in counts
    }
    for row in rows:
        cell = (row["month"], row["dimension"], row["dimension_value"])
        promoters, detractors = counts[*cell, "nps", "good"], counts[*cell, "nps", "bad"]
        assert row["nps"] == near(
            ratio((promoters - detractors) * 100, counts[*cell, "nps", "all"])
        )
        good, bad = counts[*cell, "csat", "good"], counts[*cell, "csat", "bad"]
        assert row["csat"] == near(ratio(good, good + bad))
        assert row["csat_answers"] == counts[*cell, "csat", "all"]
        rated = ratio(float(counts[*cell, "review", "sum"]), counts[*cell, "review", "all"])
        assert row["mean_rating"] == near(rated)
        assert row["reviews_bad"] == counts[*cell, "review", "bad"]


def test_something_is_compared():
    """The random companies of the soak never had anybody to compare, so nothing was tested."""
    seen: Counter = Counter()
    for seed in range(50):
        for (band, kind), row in Served(serving_company(seed)).impact().items():
            seen[band, kind] += row[5] is not None
    assert all(
        seen[band, kind] >= 2
        for band in ("all", "first_sale", "low", "middle", "high")
        for kind in ("well_served", "badly_served")
    ), seen
