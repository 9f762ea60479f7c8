"""Weights estimated from a company's own records."""

import random

import pytest

from dagster_project.errors import UsageError
from dagster_project.identity.inspection import training
from dagster_project.identity.rules.linkage import load_model

FIRSTS = ("Anna", "Boris", "Chloe", "Dmitry", "Emma", "Frank", "Galina", "Hugo", "Irene", "Jack")
LASTS = ("Smith", "Jones", "Brown", "Taylor", "Wilson", "Evans", "Thomas", "Roberts", "Walker")


def fill(company, people: int) -> None:
    """Everybody has two records; every fifth has mistyped the last name in one of them."""
    chance = random.Random(7)
    for number in range(people):
        first, last = chance.choice(FIRSTS), chance.choice(LASTS) + chance.choice(LASTS).lower()
        person = {
            "birth_date": f"{chance.randrange(1950, 2000)}-{chance.randrange(2, 13):02}-"
            f"{chance.randrange(2, 28):02}",
            "city": chance.choice(("Leeds", "York", "Hull", "Bath")),
            "email": f"{first}.{last}{number}@example.com",
            "phone": f"07911{number:06}",
            "first_name": first,
        }
        mistyped = last[:-1] if number % 5 == 0 else last
        company.add("contacts", str(number), last_name=last, **person)
        company.add("accounts", str(number), last_name=mistyped, **person)


def test_weights_follow_the_records(company, monkeypatch):
    """A company that retrains gets weights of somebody else's records, or other ones each time."""
    monkeypatch.setattr(training, "MAX_PAIRS", 1e5)
    monkeypatch.setattr(training, "FEWEST_PROFILES", 400)
    fill(company, 250)
    company.people()
    model, weights = training.train(company.con, company.settings, seed=3)
    assert training.train(company.con, company.settings, seed=3) == (model, weights)
    found = {(one.comparison, one.level): one for one in weights}
    # Towns: one of four, always the same in both records.
    assert found["address", "the same city"].estimated == pytest.approx(2.0, abs=0.3)
    # National ids: nobody has one.
    assert found["national_id", "the same"].estimated is None
    levels = {
        level["label_for_charts"]: level
        for comparison in model["comparisons"]
        if comparison["output_column_name"] == "last_name"
        for level in comparison["comparison_levels"]
    }
    assert levels["a typing error"]["m_probability"] == pytest.approx(0.2, abs=0.08)
    assert model.keys() == load_model().keys()


def test_too_few_records_teach_nothing(company):
    """A shop with a handful of customers puts weights in force that are chance."""
    fill(company, 10)
    company.people()
    with pytest.raises(UsageError, match="learn from: 20; "):
        training.train(company.con, company.settings, seed=1)
