"""Pairs that are alike without being one person, and people whose records contradict themselves."""

import pytest

PERSON = {
    "last_name": "Thornbury",
    "birth_date": "1984-03-17",
    "street_address": "14 Mill Lane",
    "city": "Leeds",
    "postal_code": "LS1 4AB",
}


def one(company) -> bool:
    return any({"contacts:1", "contacts:2"} <= group for group in company.people())


@pytest.mark.parametrize("ids", [("9036067", "9036068"), ("QQ001824A", "QQ001825A")])
def test_twins_with_numbers_given_one_after_the_other_stay_two(company, ids):
    """Twins are one customer, because their national ids differ in the last digit only."""
    company.add("contacts", "1", first_name="Chloe", national_id=ids[0], **PERSON)
    company.add("contacts", "2", first_name="Ebony", national_id=ids[1], **PERSON)
    assert not one(company)


def test_names_exchanged_have_no_other_gender(company):
    """Robbie Lowe is two customers once the fields were exchanged, as Lowe is a woman's name."""
    person = {**PERSON, "national_id": "9036067"}
    company.add("contacts", "1", **{**person, "first_name": "Robbie", "last_name": "Lowe"})
    company.add("contacts", "2", **{**person, "first_name": "Lowe", "last_name": "Robbie"})
    assert one(company)


def test_slip_in_a_national_id_outweighs_another_first_name(company):
    """A person who goes by a second name is two customers, because a digit was mistyped."""
    company.add("contacts", "1", first_name="Chloe", national_id="9036067", **PERSON)
    company.add("contacts", "2", first_name="Ebony", national_id="9306067", **PERSON)
    assert one(company)


def test_mailboxes_with_other_years_are_those_of_namesakes(company):
    """Namesakes born a year apart are one customer, as their mailboxes differ by a digit."""
    name = {"first_name": "Noah", "last_name": "Wilkinson"}
    company.add("contacts", "1", email="noahwilkinson.1979@gmail.com", **name)
    company.add("contacts", "2", email="noahwilkinson.1978@gmail.com", **name)
    assert not one(company)


def test_common_names_exchanged_weigh_no_more_than_in_place(company):
    """Two women of a common name are one customer, once one form has the names exchanged."""
    for number in range(40):
        company.add("accounts", str(number), first_name="Анна", last_name="Комарова",
            birth_date=f"19{50 + number}-0{1 + number % 9}-1{number % 10}")  # fmt: skip
    company.add("contacts", "1", first_name="Анна", last_name="Комарова", birth_date="1992-12-10",
        email="anya.komarova@mail.ru")  # fmt: skip
    company.add("contacts", "2", first_name="Комарова", last_name="Анна", birth_date="1996-04-21",
        email="anna.komarova@mail.ru")  # fmt: skip
    assert not one(company)


def test_names_that_people_bear_are_no_slips_of_each_other(company):
    """Twin sisters Anna and Yana are one customer, because the names are a letter apart."""
    company.add("contacts", "1", first_name="Анна", **PERSON)
    company.add("contacts", "2", first_name="Яна", **PERSON)
    assert not one(company)
    # A slip that makes no other name of it, and a form of the name, are the same as ever.
    for other in ("Анан", "Аня"):
        company.add("contacts", "2", first_name=other, **PERSON)
        assert one(company), other


@pytest.mark.parametrize("birth_date", ["1986-11-02", None])
def test_an_id_typed_for_husband_and_wife_makes_nobody_of_them(company, birth_date):
    """A clerk types the husband's number for the wife too, and the two are one customer."""
    company.add("contacts", "1", first_name="Robert", national_id="9036067", **PERSON)
    wife = {**PERSON, "birth_date": birth_date}
    company.add("contacts", "2", first_name="Galina", national_id="9036067", **wife)
    assert not one(company)
    asked = company.con.execute("SELECT left_id, right_id FROM identity.review").fetchall()
    assert asked == [("1", "2")]


def test_a_family_name_like_a_first_name_is_not_exchanged(company):
    """Nikolai Danilov becomes his brother Daniil Danilov at their one home and telephone."""
    home = {"street_address": "пр. Мира, д. 106, кв. 61", "city": "Казань", "phone": "+79456146993",
        "last_name": "Данилов"}  # fmt: skip
    company.add("contacts", "1", first_name="Николай", birth_date="1986-08-06", **home)
    company.add("contacts", "2", first_name="Даниил", birth_date="1983-10-16", **home)
    assert not one(company)


@pytest.mark.parametrize(("birth_date", "is_hers"), [("1984-03-17", True), (None, False)])
def test_a_family_name_and_a_home_are_nobodys_own(company, birth_date, is_hers):
    """A record without a first name becomes whoever of the household was typed in first."""
    company.add("contacts", "1", first_name="Eleanor", gender="female", **PERSON)
    company.add("contacts", "2", gender="female", **{**PERSON, "birth_date": birth_date})
    assert one(company) == is_hers


@pytest.mark.parametrize(("initial", "first_name"), [("P", "Phoebe"), ("J", "Jessica")])
def test_an_initial_is_read_as_the_name_is_written(company, initial, first_name):
    """P. Thornbury is not found to be Phoebe, whose name sounds like an F."""
    company.add("contacts", "1", first_name=first_name, **PERSON)
    company.add("contacts", "2", first_name=initial, **PERSON)
    assert one(company)


def test_a_first_name_of_three_letters_has_no_other_gender_by_the_family_name(company):
    """Ellie Rostamski is a man, as her family name ends in -ski, and not the Ella of her home."""
    person = {**PERSON, "last_name": "Rostamski"}
    company.add("contacts", "1", first_name="Ellie", **person)
    company.add("contacts", "2", first_name="Ella", gender="female", **person)
    assert one(company)


def test_a_nameless_record_joins_no_two_national_ids(company):
    """An account without a name that two Annas sign in to makes one customer of them, though last
    name, birth date and national id say that they are two."""
    for number, last_name, birth_date, national_id, email, phone in (
        ("1", "Thornbury", "1984-03-17", "9036067", "annas.desk@gmail.com", None),
        ("2", "Castellano", "1991-11-02", "4471925", None, "+447700900123"),
    ):
        company.add("contacts", number, first_name="Anna", last_name=last_name,
            birth_date=birth_date, national_id=national_id, email=email, phone=phone)  # fmt: skip
    company.add("accounts", "3", email="annas.desk@gmail.com", phone="+447700900123")
    assert not one(company)


def test_a_nameless_record_joins_no_two_who_differ_in_name_and_birth_date(company):
    """Ernest Thornbury and Nestor Castellano are one customer, as both sign in to one account and
    their first names have the same letters."""
    for number, first_name, last_name, birth_date, email, phone in (
        ("1", "Ernest", "Thornbury", "1984-03-17", "annas.desk@gmail.com", None),
        ("2", "Nestor", "Castellano", "1991-11-02", None, "+447700900123"),
    ):
        company.add("contacts", number, first_name=first_name, last_name=last_name,
            birth_date=birth_date, email=email, phone=phone)  # fmt: skip
    company.add("accounts", "3", email="annas.desk@gmail.com", phone="+447700900123")
    assert not one(company)
