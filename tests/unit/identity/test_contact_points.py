"""If these fail, a work telephone or a second mailbox finds nobody, or makes strangers one."""


def _groups(*groups):
    return {frozenset(group.split()) for group in groups}


def test_further_addresses_are_identifiers_like_the_first(company):
    """Whoever writes from the office is a new customer every time."""
    company.add(
        "contacts", "1", first_name="Anna", last_name="Smith", email="anna@x.com",
        phone="020 7183 8750", further_emails="Anna.S@office.com | anna@old.org",
        further_phones="+44 7911 123456",
    )  # fmt: skip
    company.add("accounts", "a", first_name="Anna", last_name="Smith", email="anna.s@office.com")
    company.add("accounts", "b", email="anna@old.org")
    company.add("accounts", "c", first_name="A", last_name="Smith", phone="07911123456")
    company.add("orders", "o", email="ANNA@old.org")
    company.add("calls", "p", phone="07911 123456")
    everything = "contacts:1 accounts:a accounts:b accounts:c orders:o calls:p"
    assert company.people() == _groups(everything)
    owners = dict(
        company.con.execute("SELECT raw_value, customer_id FROM identity.identifiers").fetchall()
    )
    assert set(owners) >= {"Anna.S@office.com", "anna@old.org", "+44 7911 123456"}
    assert len(set(owners.values())) == 1


def test_a_further_address_stands_in_for_a_first(company):
    """A contact whose only address is in the list of further ones has none."""
    company.add("contacts", "1", first_name="Anna", further_emails="anna@x.com")
    company.add("orders", "o", email="anna@x.com")
    assert company.people() == _groups("contacts:1 orders:o")


def test_a_record_with_several_does_not_chain_strangers(company):
    """A secretary's entry with the numbers of two directors makes the two one customer."""
    people = {"1": ("Anna", "Smith"), "2": ("Boris", "Petrov"), "3": ("Anna", "Orlova")}
    phones = ["020 7183 8750", "020 7183 8751", "020 7183 8752"]
    for (key, (first, last)), phone in zip(people.items(), phones, strict=True):
        company.add(
            "contacts", key, first_name=first, last_name=last, phone=phone,
            email=f"{first}.{last}@x.com",
        )  # fmt: skip
    mails = " | ".join(f"{first}.{last}@x.com" for first, last in people.values())
    named = {"first_name": "Galina", "last_name": "Novak"}
    for number, names in enumerate(({}, {"first_name": "Anna"}, named)):
        company.add(
            "accounts", "all", **names, further_phones=" | ".join(phones), further_emails=mails
        )
        found = company.people()
        for one in people:
            for other in people:
                is_one = any({f"contacts:{one}", f"contacts:{other}"} <= group for group in found)
                assert is_one == (one == other), number


def test_a_list_of_other_peoples_numbers_is_not_looked_at(company):
    """A switchboard's two hundred numbers, one entry each, are one person's."""
    phones = [f"020 7183 87{number:02}" for number in range(20)]
    company.add(
        "contacts", "list", first_name="Anna", last_name="Smith", further_phones=" | ".join(phones)
    )
    for number, phone in enumerate(phones):
        company.add(
            "contacts", str(number), first_name="Anna", last_name="Smith", phone=phone,
            birth_date=f"19{40 + 2 * number}-0{number % 9 + 1}-11",
        )  # fmt: skip
    assert len(company.people()) == 21
    events = company.con.execute(
        "SELECT identifier_kind, record_count FROM identity.guard_stops "
        "WHERE guard = 'too_many_values'"
    ).fetchall()
    assert events == [("phone", 1)]


def test_a_further_address_that_comes_or_goes_changes_who_is_whom(company):
    """A corrected list of addresses takes effect with the next full refresh only."""
    named = {"first_name": "Anna", "last_name": "Smith"}
    company.add("contacts", "1", **named, email="anna@x.com")
    company.add("accounts", "a", **named, email="anna@office.com")
    assert len(company.people()) == 2
    company.add("contacts", "1", **named, email="anna@x.com", further_emails="anna@office.com")
    assert len(company.people()) == 1
    company.add("contacts", "1", **named, email="anna@x.com")
    assert len(company.people()) == 2
