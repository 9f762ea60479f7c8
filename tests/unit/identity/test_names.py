"""If these fail, who writes a name another way is a second customer, or two people are one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.identity.rules.guards import load_guards
from dagster_project.identity.rules.names import parse_name
from dagster_project.identity.rules.nicknames import load_nicknames
from dagster_project.identity.rules.places import load_cities, parse_address

GUARDS, NICKNAMES = load_guards(), load_nicknames()


def parsed(**fields: str):
    return parse_name(GUARDS, NICKNAMES, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"first": "Семён", "middle": "Ильич", "last": "Лобанчук"},
        {"first": "Семен Ильич", "last": "Лобанчук"},
        {"last": "Лобанчук Семён Ильич"},
        {"full": "Семён Ильич Лобанчук"},
        {"first": "Лобанчук", "last": "Семён Ильич"},
        {"full": "Lobančuk Semën Ilʹič"},
        {"full": "Dr Semyon Ilyich Lobanchuk"},
    ],
)
def test_a_name_is_one_in_whatever_fields_it_stands(fields):
    """A shop with one field for the whole name has other customers than the CRM."""
    name = parsed(**fields)
    assert (name.first_key, name.last_key) == ("semen", "lobanchuk")
    assert (name.patronymic, name.gender) == ("il", "m")


@pytest.mark.parametrize(
    ("daughter", "son", "father"),
    [
        ("Петровна", "Петрович", "petr"),
        ("Кузьминична", "Кузьмич", "kuzm"),
        ("Alekseevna", "Alekseevič", "alekse"),
        ("Никитична", "Никитич", "nikit"),
    ],
)
def test_children_of_one_father_have_one_patronymic(daughter, son, father):
    """A patronymic proves nothing between a sister's record and her brother's, or all too much."""
    names = [parsed(first="Юлия", middle=daughter), parsed(first="Илья", middle=son)]
    assert [name.patronymic for name in names] == [parsed(first="И", middle=son).patronymic] * 2
    assert [name.gender for name in names] == ["f", "m"]
    assert father in names[0].patronymic or names[0].patronymic in father


@pytest.mark.parametrize(
    ("fields", "gender"),
    [
        ({"first": "Евгений", "last": "Жужелицкий"}, "m"),
        ({"first": "Евгения", "last": "Жужелицкая"}, "f"),
        ({"first": "Саша", "last": "Орлова"}, "f"),
        ({"first": "Sasha", "last": "Orlov"}, "m"),
        ({"first": "Alex", "last": "Smith"}, None),
        ({"first": "Sam", "last": "Jones"}, None),
        ({"first": "Robert", "last": "Smith"}, "m"),
    ],
)
def test_gender_follows_from_a_name_only_where_it_does(fields, gender):
    """Alex is torn off from Alexandra, or a brother and his sister are one customer."""
    assert parsed(**fields).gender == gender


def test_titles_are_no_first_names():
    """Everybody who is a Mrs shares a first name with all others who are."""
    assert parsed(first="Mrs Anna", last="Smith") == parsed(first="Anna", last="Smith")
    assert parsed(first="Reverend", last="Smith").first_key == "reverend"


def test_short_and_foreign_forms_know_their_full_names():
    """Bob Smith and Robert Smith of one address stay two people."""
    for short, full in [("Bob", "Robert"), ("Катя", "Екатерина"), ("Simon", "Семён")]:
        names = [set(parsed(first=name).first_names) for name in (short, full)]
        assert names[0] & names[1], (short, full)
    assert not set(parsed(first="Anna").first_names) & set(parsed(first="Boris").first_names)


@pytest.mark.parametrize(
    "raw", ["ул. Кирова, д. 5, кв. 8", "Кирова 5-8", "Кирова ул. 5 кв 8", "Kirova St 5, apt 8"]
)
def test_an_address_is_one_however_it_is_written(raw):
    """Whoever writes the flat after a dash lives elsewhere."""
    found = parse_address(raw)
    assert (found.street, found.house, found.flat) == ("kirova", "5", "8")


def test_a_city_is_one_in_every_language():
    """A customer who writes Moscow has moved."""
    cities = load_cities()
    assert len({cities.key(name) for name in ("Москва", "г. Москва", "Moscow", "Moskva")}) == 1
    assert len({cities.key(name) for name in ("СПб", "Saint Petersburg", "Санкт-Петербург")}) == 1
    assert cities.key("Пермь") == cities.key("Perm") != cities.key("Казань")


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_parsed(first, last):
    """One odd cell stops the daily run."""
    parsed(first=first, last=last)
    parsed(full=first)
    parse_address(last)
    load_cities().key(last)
