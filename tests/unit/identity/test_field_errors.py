"""A difference in two fields at once: two people in a clean company, a slip in a careless list."""

import random

import pytest

from dagster_project.identity.matching.field_errors import count_field_errors
from dagster_project.identity.rules.linkage import load_model
from dagster_project.identity.rules.rule_set import load_rules

FIRST = ("Chloe", "Ebony", "Robert", "Galina", "Marcus", "Ingrid", "Winston", "Beatrice")
OTHER = {
    "first_name": lambda person: {"first_name": FIRST[FIRST.index(person["first_name"]) - 3]},
    "national_id": lambda person: {"national_id": str(9_990_007 - int(person["national_id"]))},
    "birth_date": lambda person: {"birth_date": f"19{int(person['birth_date'][2:4]) - 40}-12-30"},
}
TWINS = ("first_name", "national_id")
FATHER_AND_SON = ("birth_date", "national_id")
ONE_ID_FOR_TWO = ("first_name", "birth_date")
PAIRS = [TWINS, FATHER_AND_SON, ONE_ID_FOR_TWO]


def living(company, people, *, slips=(), both=(), pairs_of_two=0):
    """``people`` with two records each; the number of them that ends in 1, 2, ... errs in the
    field of that place in ``slips``; ``pairs_of_two`` more homes of two who differ in ``both``."""
    draw = random.Random(11)
    for number in range(people + pairs_of_two):
        person = {
            "first_name": FIRST[number % len(FIRST)],
            "last_name": "".join(draw.choice("bdfgklmnprstvz") + draw.choice("aeiou")
                for _ in range(5)).capitalize(),
            "birth_date": f"19{60 + number % 30}-0{1 + number % 9}-1{number % 10}",
            "national_id": str(2_000_000 + draw.randrange(5_000_000)),
            "street_address": f"{1 + number % 180} Mill Lane",
            "city": "Leeds",
        }  # fmt: skip
        company.add("contacts", f"{number}-1", **person)
        fields = both if number >= people else slips[number % 10 : number % 10 + 1]
        for field in fields:
            person |= OTHER[field](person)
        company.add("contacts", f"{number}-2", **person)


def ones(company, numbers):
    people = company.people()
    return [
        number
        for number in numbers
        if any({f"contacts:{number}-1", f"contacts:{number}-2"} <= group for group in people)
    ]


@pytest.mark.parametrize("both", PAIRS)
def test_two_who_differ_in_two_fields_are_two_where_nobody_errs(company, both):
    """Twins, father and son, or husband and wife with one number are one customer."""
    living(company, 60, both=both, pairs_of_two=3)
    assert ones(company, range(60, 63)) == []
    assert len(ones(company, range(60))) == 60


@pytest.mark.parametrize("both", PAIRS)
def test_a_record_wrong_in_two_fields_is_found_where_each_errs_alone(company, both):
    """A list typed carelessly keeps a second customer of everybody with two errors."""
    living(company, 100, slips=both, both=both, pairs_of_two=1)
    assert ones(company, [100]) == [100]


@pytest.mark.parametrize("both", PAIRS)
def test_more_twins_than_errors_explain_stay_two(company, both):
    """Careless clerks make one customer of every pair of twins."""
    living(company, 100, slips=both, both=both, pairs_of_two=8)
    assert ones(company, range(100, 108)) == []


def test_errors_weigh_a_difference_and_never_more_than_the_reviewed_model(company):
    """A company without an error in its ids parts people for the first one that is typed."""
    living(company, 100, slips=TWINS)
    company.people()
    rules = load_rules()
    errors = count_field_errors(company.con, load_model())
    assert {field for field, step in errors.steps if step > 0} == {"national_id", "first_name"}
    shares = [
        {
            (comparison["output_column_name"], level["label_for_charts"]): level["m_probability"]
            for comparison in model["comparisons"]
            for level in comparison["comparison_levels"]
            if "m_probability" in level
        }
        for model in (rules.model, errors.applied_to(rules).model)
    ]
    changed = {name for name, share in shares[1].items() if share != shares[0][name]}
    assert changed == {("national_id", "different"), ("first_name", "different")}
    assert all(shares[1][name] > shares[0][name] for name in changed)


def test_a_home_of_hundreds_is_counted_for_nobody(company):
    """One address of an institution makes the resolution take hours."""
    living(company, 20, slips=TWINS)
    company.people()
    before = count_field_errors(company.con, load_model())
    for number in range(200):
        company.add("contacts", f"i-{number}", first_name=FIRST[number % 8], last_name="Nemo",
            birth_date="1988-08-08", street_address="1 Asylum Road", city="Leeds",
            national_id=str(3_000_000 + 7919 * number))  # fmt: skip
    company.people()
    assert count_field_errors(company.con, load_model()) == before
