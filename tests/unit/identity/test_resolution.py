"""If these fail, the marts are about people who do not exist, or miss some who do."""

import random

import pytest

from dagster_project.errors import HourglassError
from dagster_project.identity import resolve


def _groups(*groups: str) -> set[frozenset[str]]:
    return {frozenset(group.split()) for group in groups}


def test_shared_identifiers_join_records_of_every_system(company):
    """One customer is counted once per system."""
    company.add("contacts", "1", first_name="Anna", last_name="Smith", email="Anna@x.com")
    company.add("accounts", "a", first_name="Anna", last_name="Smith", email="anna+1@x.com")
    company.add("orders", "o", email="ANNA@x.com", phone="07911 123456")
    company.add("calls", "c", phone="+447911123456")
    company.add("tickets", "t", account_id="a")
    company.add("tickets", "u", contact_id="1", email="anna@office.com")
    company.add("orders", "p", email="anna@office.com")
    everything = "contacts:1 accounts:a orders:o calls:c tickets:t tickets:u orders:p"
    assert company.people() == _groups(everything)


def test_a_family_phone_joins_nobody(company):
    """Anna's orders are counted as Bob's because they answer the same telephone."""
    company.add("contacts", "1", first_name="Anna", last_name="Smith", phone="020 7183 8750")
    company.add("contacts", "2", first_name="Bob", last_name="Smith", phone="02071838750")
    company.add("accounts", "a", first_name="Ann", last_name="Smith", phone="02071838750")
    company.add("calls", "c", phone="02071838750")
    assert company.people() == _groups("contacts:1 accounts:a", "contacts:2")
    stops = company.con.execute(
        "SELECT guard, identifier_kind, record_count, customer_count FROM identity.guard_stops"
    ).fetchall()
    assert ("shared_value", "phone", 4, 2) in stops


@pytest.mark.parametrize("names", [
    ["Emma Orleau", "Emma Golder"],
    ["Emma Berger", "Emma Bergenko"],
    ["Emma Orleau", "Emma Golder", "Boris Quinn", "Hugo Berg", "Ida Taylor", "Jack Novak",
     "Lea Moreau", "Max Ek", "Nina Walker", "Otto Grau"],
])  # fmt: skip
def test_a_telephone_makes_nobody_of_one_first_name_the_same(company, names):
    """Two Emmas of one family or company are one customer, with each other's orders."""
    for number, name in enumerate(names):
        first, last = name.split()
        company.add("contacts", str(number), first_name=first, last_name=last, phone="02071838750")
    assert company.people() == _groups(*(f"contacts:{number}" for number in range(len(names))))
    if len(names) == 2:
        # A marriage looks just like that, so a person is asked.
        asked = company.con.execute("SELECT left_id, right_id, reason FROM identity.review")
        (left, right, reason) = asked.fetchone()
        assert {left, right} == {"0", "1"}
        assert "shared value" in reason


def test_an_order_of_one_makes_nobody_of_a_like_name_the_same(company):
    """Emma Berger, who once gave Emma Bergenko's number, gets her orders."""
    company.add("contacts", "1", first_name="Emma", last_name="Berger", phone="02071838750")
    company.add("accounts", "2", first_name="Emma", last_name="Bergenko", email="e@x.com")
    company.add("orders", "o", email="e@x.com", phone="02071838750")
    assert company.people() == _groups("contacts:1", "accounts:2 orders:o")
    company.add("accounts", "2", first_name="Emma", last_name="Bergere", email="e@x.com")
    assert company.people() == _groups("contacts:1 accounts:2 orders:o")


@pytest.mark.parametrize("other", ["Bergmann", "Begrman", "B", "Bergman-Holt"])
def test_a_slip_in_the_last_name_makes_nobody_another(company, other):
    """Whoever mistypes a name is a new customer, and the history stays with the old one."""
    for number, last in enumerate(("Bergman", other)):
        company.add("contacts", str(number), first_name="Emma", last_name=last, phone="02071838750")
    assert company.people() == _groups("contacts:0 contacts:1")


def test_a_nameless_account_does_not_bridge_two_people(company):
    """An account with the family's phone makes husband and wife one customer."""
    company.add("contacts", "1", first_name="Anna", last_name="Smith", phone="02071838750")
    company.add("contacts", "2", first_name="Bob", last_name="Jones", phone="02071838750")
    company.add("accounts", "a", phone="02071838750")
    people = company.people()
    assert not any({"contacts:1", "contacts:2"} <= group for group in people)


def test_a_shared_mailbox_joins_nobody(company):
    """A couple with one e-mail address is one customer."""
    company.add(
        "contacts", "1", first_name="Anna", last_name="Smith", email="smiths@x.com",
        birth_date="1980-02-03",
    )  # fmt: skip
    company.add(
        "contacts", "2", first_name="Bob", last_name="Smith", email="smiths@x.com",
        birth_date="1978-11-12",
    )  # fmt: skip
    company.add("orders", "o", email="smiths@x.com")
    assert company.people() == _groups("contacts:1", "contacts:2")


def test_role_mailboxes_and_test_values_join_nobody(company):
    """Everybody at one company, or everybody without a phone, is one customer."""
    for key in ("1", "2"):
        company.add("contacts", key, email="info@firm.com", phone="0000000", loyalty_card="none")
    company.add("orders", "o", email="info@firm.com")
    assert company.people() == _groups("contacts:1", "contacts:2")
    reasons = company.con.execute(
        "SELECT identifier_kind, reason FROM identity.guard_stops ORDER BY ALL"
    ).fetchall()
    assert reasons == [
        ("email", "role_mailbox"), ("loyalty_card", "blocked_value"), ("phone", "zeros"),
    ]  # fmt: skip


def test_too_many_people_on_one_value(company):
    """A call centre's own number joins all who ever called back."""
    firsts = ["Anna", "Boris", "Chloe", "Dmitry", "Emma", "Frank", "Galina", "Hugo"]
    lasts = ["Smith", "Petrov", "Walker", "Orlov", "Quinn", "Taylor", "Zaitseva", "Moreau"]
    for number, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        for table in ("contacts", "accounts"):
            company.add(table, str(number), phone="02071838750", first_name=first, last_name=last)
    company.people()
    assert company.con.execute(
        "SELECT customer_count FROM identity.guard_stops WHERE guard = 'too_many_people'"
    ).fetchall() == [(8,)]


def test_guests_are_people_and_a_witness_is_no_proof_against_names(company):
    """A guest order that mentions a friend's phone joins the two friends."""
    company.add("contacts", "1", first_name="Anna", last_name="Smith", email="anna@x.com")
    company.add("contacts", "2", first_name="Boris", last_name="Petrov", phone="02071838750")
    company.add("orders", "o", email="anna@x.com", phone="02071838750")
    company.add("orders", "g", email="new@x.com")
    company.add("orders", "h", email="NEW@x.com")
    assert company.people() == _groups("contacts:1 orders:o", "contacts:2", "orders:g orders:h")


def test_a_visitor_is_a_leaf(company):
    """A shared tablet joins the two accounts seen on it."""
    company.add("accounts", "a", email="a@x.com")
    company.add("accounts", "b", email="b@x.com")
    company.visit("own", "a")
    company.visit("shared", "a")
    company.visit("shared", "b")
    assert company.people() == _groups("accounts:a web_events:own", "accounts:b")


def test_accounts_without_any_identifier_stay_apart(company):
    """A shop that delivers only customer numbers has one customer."""
    for number in range(20):
        company.add("accounts", str(number), country="United Kingdom")
    assert len(company.people()) == 20


def test_delivery_order_changes_nobody(new_company):
    """Files that arrive late give other people than files that arrive in time."""
    rng = random.Random(7)
    names = ["Anna", "Ann", "Bob", "Robert", None, "Юлия"]
    records = [
        (
            rng.choice(["contacts", "accounts", "orders", "calls"]),
            str(number),
            {
                "email": rng.choice(["a@x.com", "b@x.com", "c@x.com", None]),
                "phone": rng.choice(["02071838750", "02071838751", None]),
                "first_name": rng.choice(names),
            },
        )
        for number in range(40)
    ]
    found = []
    for _ in range(4):
        rng.shuffle(records)
        company = new_company()
        for table, key, values in records:
            if table == "calls":
                values = {"phone": values["phone"]}
            if table == "orders":
                values = {name: values[name] for name in ("email", "phone")}
            company.add(table, key, **values)
        found.append(company.people())
    assert all(people == found[0] for people in found)


def test_keys_that_are_addresses_are_hashed_for_readers(company):
    """A shop whose account number is the e-mail publishes everybody's e-mail."""
    company.add("accounts", "anna@x.com", email="anna@x.com")
    company.add("accounts", "17", phone="02071838750")
    company.ids()
    public = dict(
        company.con.execute(
            "SELECT source_id, public_source_id FROM identity.assignments"
        ).fetchall()
    )
    assert public["17"] == "17"
    assert public["anna@x.com"].startswith("hashed-")
    assert "anna" not in public["anna@x.com"]


def test_identifiers_know_their_owner(company):
    """Messages and surveys with an e-mail only cannot find their customer."""
    company.add("contacts", "1", first_name="Anna", email="Anna@x.com", phone="02071838750")
    company.add("contacts", "2", first_name="Bob", phone="02071838750")
    ids = company.ids()
    owners = dict(
        company.con.execute("SELECT raw_value, customer_id FROM identity.identifiers").fetchall()
    )
    assert owners == {"Anna@x.com": ids["contacts:1"], "02071838750": None}


def test_a_failure_changes_nothing_and_quotes_nobody(company):
    """A broken run leaves half of the customers with new ids, or prints somebody's address."""
    company.add("contacts", "1", email="anna@x.com")
    before = company.ids()
    company.con.execute("ALTER TABLE intermediate.int_identity_visitors DROP COLUMN visitor_id")
    company.add("contacts", "2", email="anna@x.com")
    company.deliver()
    with pytest.raises(HourglassError) as raised:
        resolve(company.con, company.settings, run_id="r")
    assert "anna" not in str(raised.value)
    after = company.con.execute("SELECT customer_id FROM identity.assignments").fetchall()
    assert after == [(before["contacts:1"],)]


@pytest.mark.parametrize(
    ("mailbox", "is_hers"),
    [
        ("katherine.evans", True),
        ("k.evans", True),
        ("evans.kat", True),
        ("jessica.evans", False),
        ("kelly.evans", False),
        ("evans", False),
        ("evans.tom", False),
    ],
)
def test_order_by_a_known_telephone_and_a_relatives_mailbox_is_the_relatives(
    company, mailbox, is_hers
):
    """A husband's orders stand under his wife, as his mailbox begins with a letter of her name."""
    company.add("contacts", "1", first_name="Katherine", last_name="Evans", phone="+447414047839")
    company.add("orders", "1", phone="+447414047839", email=f"{mailbox}@gmail.com")
    assert ({"contacts:1", "orders:1"} in company.people()) == is_hers
