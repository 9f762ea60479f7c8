"""Pairs that are alike without being one person, and people whose records contradict themselves."""

PERSON = {
    "last_name": "Thornbury",
    "birth_date": "1984-03-17",
    "street_address": "14 Mill Lane",
    "city": "Leeds",
    "postal_code": "LS1 4AB",
}


def one(company) -> bool:
    return any({"contacts:1", "contacts:2"} <= group for group in company.people())


def test_twins_with_numbers_given_one_after_the_other_stay_two(company):
    """Twins are one customer, because their national ids differ in the last digit only."""
    company.add("contacts", "1", first_name="Chloe", national_id="9036067", **PERSON)
    company.add("contacts", "2", first_name="Ebony", national_id="9036068", **PERSON)
    assert not one(company)


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
